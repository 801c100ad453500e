"""Response times disclose neither whether a key exists nor how much of a token is right.

`make bench-timing` is the longer measurement.
"""

from bench.timing import Call, closest_ratio, key_calls, token_calls
from tests.conftest import Running
from tests.support.clients.partner import Partner
from tests.support.waiting import wait_until

CALLS = 200
NEAR = 0.10


def relative_difference(up: Running, one: Call, other: Call) -> float:
    """Return the relative difference of the response times of two calls.

    Other load on the machine disturbs some measurements, so the test repeats them: a difference
    caused by the service appears in all of them.
    """
    return abs(closest_ratio(up.base_url, one, other, calls=CALLS) - 1)


def test_an_unknown_key_takes_as_long_as_a_known_one(up: Running) -> None:
    known, unknown = key_calls(up.demo().api_key)
    wait_until(lambda: relative_difference(up, known, unknown), lambda value: value < NEAR)


def test_an_almost_correct_token_takes_as_long_as_a_wrong_one(up: Running) -> None:
    created = up.json("partner", "create", "--email", "timing@partner.example")
    up.json("partner", "set", "timing@partner.example", "--budget", "1000000")
    credentials = (str(created["apiKey"]), str(created["apiSecret"]))
    Partner(up.base_url, *credentials).until_active()
    nearly_right, wrong = token_calls(up.base_url, *credentials)
    wait_until(lambda: relative_difference(up, nearly_right, wrong), lambda value: value < NEAR)
