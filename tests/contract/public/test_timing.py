"""Time tells nothing: neither whether a key exists, nor how much of a token is right.

The short form of the promise; the long one is `make bench-timing`.
"""

from bench.timing import closest_ratio, key_calls, token_calls
from tests.conftest import Running
from tests.support.clients.partner import Partner

CALLS = 200
NEAR = 0.10


def test_an_unknown_key_takes_as_long_as_a_known_one(up: Running) -> None:
    known, unknown = key_calls(up.demo().api_key)
    assert abs(closest_ratio(up.base_url, known, unknown, calls=CALLS) - 1) < NEAR


def test_a_token_that_is_nearly_right_takes_as_long_as_one_that_is_wrong(up: Running) -> None:
    created = up.json("partner", "create", "--email", "timing@partner.example")
    up.json("partner", "set", "timing@partner.example", "--budget", "1000000")
    credentials = (str(created["apiKey"]), str(created["apiSecret"]))
    Partner(up.base_url, *credentials).once_known()
    near, wrong = token_calls(up.base_url, *credentials)
    assert abs(closest_ratio(up.base_url, near, wrong, calls=CALLS) - 1) < NEAR
