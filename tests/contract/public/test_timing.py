"""Time tells nothing: neither whether a key exists, nor how much of a token is right.

The short form of the promise; the long one is `make bench-timing`.
"""

from bench.timing import Call, closest_ratio, key_calls, token_calls
from tests.conftest import Running
from tests.support.clients.partner import Partner
from tests.support.waiting import wait_until

CALLS = 200
NEAR = 0.10


def difference(up: Running, one: Call, other: Call) -> float:
    """Return by how much the times differ; what else the machine does spoils some measurements.

    A difference of ours is in all of them.
    """
    return abs(closest_ratio(up.base_url, one, other, calls=CALLS) - 1)


def test_an_unknown_key_takes_as_long_as_a_known_one(up: Running) -> None:
    known, unknown = key_calls(up.demo().api_key)
    wait_until(lambda: difference(up, known, unknown), lambda found: found < NEAR)


def test_a_token_that_is_nearly_right_takes_as_long_as_one_that_is_wrong(up: Running) -> None:
    created = up.json("partner", "create", "--email", "timing@partner.example")
    up.json("partner", "set", "timing@partner.example", "--budget", "1000000")
    credentials = (str(created["apiKey"]), str(created["apiSecret"]))
    Partner(up.base_url, *credentials).until_known()
    near, wrong = token_calls(up.base_url, *credentials)
    wait_until(lambda: difference(up, near, wrong), lambda found: found < NEAR)
