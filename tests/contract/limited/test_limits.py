"""The operator's limits and switches take effect on every worker."""

import itertools
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import Running
from tests.contract.limited.conftest import FREE_TRIES, PER_MINUTE
from tests.support.clients.cabinet import Person
from tests.support.clients.partner import Partner, Response, order_request, quote_request, send
from tests.support.clients.visitor import PageResponse
from tests.support.waiting import ALL_WORKERS, wait_until

BODY = json.dumps(quote_request()).encode()


@pytest.fixture(scope="module")
def partner(limited: Running) -> Partner:
    return limited.partner()


def everywhere(read: Callable[[], object], expected: object) -> None:
    """Wait until every worker returns the expected value."""
    wait_until(read, lambda value: value == expected, consecutive=ALL_WORKERS)


def unsigned(limited: Running, client: str, path: str = "/price", body: bytes = BODY) -> Response:
    return send(f"{limited.base_url}/v1{path}", body, {"X-Forwarded-For": client})


def test_unsigned_quotes_are_limited_per_client_address(limited: Running, partner: Partner) -> None:
    started = time.monotonic()
    with ThreadPoolExecutor(16) as callers:
        responses = list(
            callers.map(lambda _: unsigned(limited, "198.51.100.1"), range(3 * PER_MINUTE))
        )
    minutes = (time.monotonic() - started) / 60
    admitted = sum(response.code == 0 for response in responses)
    assert 0.95 * PER_MINUTE <= admitted <= PER_MINUTE * (1.05 + minutes), "of both workers"
    rejected = unsigned(limited, "198.51.100.1")
    assert (rejected.status, rejected.json()) == (429, {"code": 5, "msg": "RATE_LIMIT"})
    assert 1 <= int(rejected.headers["retry-after"]) <= 120
    assert unsigned(limited, "198.51.100.2").code == 0
    assert unsigned(limited, "203.0.113.1, 198.51.100.1").code == 5, (
        "the address that the client claims is ignored"
    )
    assert unsigned(limited, "198.51.100.1", "/quote").code == 5, "one limit for both"
    address = b'{"ccy":"btc","address":"x"}'
    assert unsigned(limited, "198.51.100.1", "/address/validate", address).code == 5
    assert unsigned(limited, "198.51.100.1", "/currencies", b"{}").code == 0
    assert unsigned(limited, "198.51.100.1", "/pairs", b"{}").code == 0
    headers = {**partner.headers(BODY), "X-Forwarded-For": "198.51.100.1"}
    assert partner.post("/price", BODY, headers).code == 0


def test_limits_of_a_pair_precede_the_general_limits(limited: Running, partner: Partner) -> None:
    def bounds(to: str = "usdt_trc20") -> tuple[int, float]:
        data = partner.call("/price", quote_request(fromCcy="usdc_erc20", toCcy=to)).data
        low, high = (float(data["from"][end]) for end in ("min", "max"))
        return round(low), round(high, -1)

    assert bounds() == (1, 5000)
    pair = ["--from", "usdc_erc20", "--to", "usdt_trc20"]
    limited.json("limits", "set", *pair, "--min-usd", "20", "--max-usd", "70")
    everywhere(bounds, (20, 70))
    assert bounds("usdt_bsc") == (1, 5000)
    small = partner.call("/create", swap(amount="19"))
    assert (small.status, small.code) == (400, 7)
    large = partner.call("/create", swap(amount="71"))
    assert (large.status, large.code) == (400, 8)
    assert partner.call("/create", swap(amount="50")).code == 0
    limited.json("limits", "set", *pair, "--min-usd", "none", "--max-usd", "none")
    everywhere(bounds, (1, 5000))


def swap(**changes: object) -> dict[str, object]:
    """Return an order from USDC on Ethereum."""
    return order_request(
        fromCcy="usdc_erc20",
        refundAddress="0x9858EfFD232B4033E47d90003D41EC34EcaEda94",
        **changes,
    )


def test_an_order_above_the_daily_cap_is_rejected(limited: Running, partner: Partner) -> None:
    def quote_errors() -> list[str]:
        errors: list[str] = partner.call("/price", quote_request(amount="0.05")).data["errors"]
        return errors

    limited.json("limits", "set", "--daily-cap-usd", "2500")
    everywhere(quote_errors, ["LIMIT_MAX"])
    response = partner.call("/create", order_request(amount="0.05"))
    assert (response.status, response.json()) == (400, {"code": 8, "msg": "LIMIT_MAX"})
    assert partner.call("/create", order_request(amount="0.01")).code == 0
    limited.json("limits", "set", "--daily-cap-usd", "none")
    everywhere(quote_errors, [])
    assert partner.call("/create", order_request(amount="0.05")).code == 0


def test_an_order_above_the_reserve_is_rejected(limited: Running, partner: Partner) -> None:
    eth = {"toCcy": "eth", "toAddress": "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"}

    def quote_errors() -> list[str]:
        errors: list[str] = partner.call("/price", quote_request(**eth)).data["errors"]
        return errors

    limited.json("reserve", "set", "eth", "0.25")
    assert quote_errors() == []
    assert partner.call("/create", order_request(**eth)).code == 0
    everywhere(quote_errors, ["RESERVE"])
    response = partner.call("/create", order_request(**eth))
    assert (response.status, response.json()) == (503, {"code": 9, "msg": "RESERVE_EXCEEDED"})
    (reserve,) = json.loads(limited.command("reserve", "list", "--json").stdout)
    assert reserve["asset"] == "eth"
    assert float(reserve["left"]) < 0.1
    limited.json("reserve", "set", "eth", "none")
    everywhere(quote_errors, [])


def until_done(partner: Partner, order: dict[str, object]) -> None:
    request = {"id": order["id"], "token": order["token"]}
    wait_until(lambda: partner.call("/order", request).data["status"], "DONE".__eq__)


def test_maintenance_rejects_new_orders_and_completes_open_ones(
    limited: Running, partner: Partner
) -> None:
    order = partner.call("/create", order_request()).data
    key = {"Idempotency-Key": "before-maintenance"}
    known = partner.call("/create", order_request(), **key).data
    limited.json("maintenance", "on")
    everywhere(lambda: partner.call("/price", quote_request()).code, 10)
    rejected = partner.call("/create", order_request())
    assert (rejected.status, rejected.json()) == (503, {"code": 10, "msg": "MAINTENANCE"})
    assert int(rejected.headers["retry-after"]) > 0
    assert partner.call("/currencies").code == 0
    assert partner.call("/create", order_request(), **key).data["id"] == known["id"]
    limited.json("sandbox", "deposit", str(order["id"]))
    until_done(partner, order)
    limited.json("maintenance", "off")
    everywhere(lambda: partner.call("/price", quote_request()).code, 0)


@pytest.mark.parametrize(
    ("off", "on"),
    [
        (["asset", "disable", "btc"], ["asset", "enable", "btc"]),
        (["pair", "disable", "btc", "usdt_trc20"], ["pair", "enable", "btc", "usdt_trc20"]),
    ],
    ids=["asset", "pair"],
)
def test_a_disabled_asset_or_pair_is_not_offered_and_its_open_orders_are_completed(
    limited: Running, partner: Partner, off: list[str], on: list[str]
) -> None:
    def offered() -> bool:
        pairs = partner.call("/pairs").data
        return any((pair["from"], pair["to"]) == ("btc", "usdt_trc20") for pair in pairs)

    order = partner.call("/create", order_request()).data
    limited.json(*off)
    everywhere(lambda: partner.call("/price", quote_request()).code, 1)
    everywhere(offered, expected=False)
    assert partner.call("/create", order_request()).code == 1
    limited.json("sandbox", "deposit", str(order["id"]))
    until_done(partner, order)
    limited.json(*on)
    everywhere(lambda: partner.call("/price", quote_request()).code, 0)
    everywhere(offered, expected=True)


def test_open_orders_of_a_disabled_partner_are_completed(
    limited: Running, partner: Partner
) -> None:
    email = limited.demo().cabinet_email
    order = partner.call("/create", order_request()).data
    limited.json("partner", "disable", email)
    everywhere(lambda: partner.call("/price", quote_request()).code, 4)
    limited.json("sandbox", "deposit", str(order["id"]))
    limited.json("partner", "enable", email)
    everywhere(lambda: partner.call("/price", quote_request()).code, 0)
    until_done(partner, order)


HERE = "198.51.100.7"


def test_failed_sign_ins_throttle_their_client_address(limited: Running) -> None:
    demo = limited.demo()
    here, there = (Person(limited.base_url, address) for address in (HERE, "192.0.2.7"))
    for _ in range(FREE_TRIES - 1):
        assert here.sign_in("nobody@example.org", "x").status == 403
    assert here.sign_in(demo.cabinet_email, demo.cabinet_password).status == 303
    assert here.sign_in("nobody0@example.org", "x").status == 403, (
        "a successful sign-in is not counted"
    )
    failures = itertools.count(1)

    def after_another_failure() -> tuple[int, PageResponse]:
        """Retry-After is 2 s at first, and doubles with each further failure."""
        number = next(failures)
        assert here.sign_in(f"nobody{number}@example.org", "x").status == 403
        unknown_device = Person(limited.base_url, HERE)
        return number, unknown_device.sign_in(demo.cabinet_email, demo.cabinet_password)

    number, waits = wait_until(after_another_failure, lambda found: found[1].status == 429)
    assert 1 <= int(waits.headers["retry-after"]) <= 2**number
    assert "Try again in" in waits.words()
    assert there.sign_in(demo.cabinet_email, demo.cabinet_password).status == 303
