"""What the operator limits and switches: each takes effect on every worker."""

import itertools
import json
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Running, start_up, stop
from tests.support.clients.cabinet import Person
from tests.support.clients.partner import Partner, Response, order_request, quote_request, send
from tests.support.clients.visitor import Seen
from tests.support.waiting import ALL_WORKERS, wait_until

PER_MINUTE = 30
FREE_TRIES = 3
BODY = json.dumps(quote_request()).encode()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service of this module's own: its switches are for the whole installation."""
    running = start_up(
        tmp_path_factory.mktemp("limits") / "data",
        environment={
            "SWAPGATE_UNSIGNED_QUOTES_PER_MINUTE": str(PER_MINUTE),
            "SWAPGATE_TRUSTED_PROXIES": "127.0.0.0/8",
            "SWAPGATE_SIGN_IN_TRIES": str(FREE_TRIES),
        },
    )
    running.json("partner", "set", running.demo().cabinet_email, "--budget", "1000000")
    yield running
    stop(running)


@pytest.fixture(scope="module")
def partner(service: Running) -> Partner:
    return service.partner()


def everywhere(ask: Callable[[], object], expected: object) -> None:
    """Wait until all workers answer so."""
    wait_until(ask, lambda answer: answer == expected, consecutive=ALL_WORKERS)


def unsigned(service: Running, client: str, path: str = "/price", body: bytes = BODY) -> Response:
    return send(f"{service.base_url}/v1{path}", body, {"X-Forwarded-For": client})


def test_unsigned_quotes_are_counted_by_address(service: Running, partner: Partner) -> None:
    answers = [unsigned(service, "198.51.100.1") for _ in range(3 * PER_MINUTE)]
    passed = sum(answer.code == 0 for answer in answers)
    assert PER_MINUTE <= passed <= 2 * PER_MINUTE, "each of the two workers counts at once"
    everywhere(lambda: unsigned(service, "198.51.100.1").code, 5)
    refused = answers[-1]
    assert (refused.status, refused.json()) == (429, {"code": 5, "msg": "RATE_LIMIT"})
    assert 1 <= int(refused.headers["retry-after"]) <= 120
    assert unsigned(service, "198.51.100.2").code == 0
    assert unsigned(service, "203.0.113.1, 198.51.100.1").code == 5, "not what a client says"
    assert unsigned(service, "198.51.100.1", "/currencies", b"{}").code == 0
    assert unsigned(service, "198.51.100.1", "/pairs", b"{}").code == 0
    headers = {**partner.headers(BODY), "X-Forwarded-For": "198.51.100.1"}
    assert partner.post("/price", BODY, headers).code == 0


def test_a_pairs_own_bounds_win_over_those_of_all(service: Running, partner: Partner) -> None:
    def bounds(to: str = "usdt_trc20") -> tuple[int, float]:
        data = partner.call("/price", quote_request(fromCcy="usdc_erc20", toCcy=to)).data
        low, high = (float(data["from"][end]) for end in ("min", "max"))
        return round(low), round(high, -1)

    assert bounds() == (1, 5000)
    pair = ["--from", "usdc_erc20", "--to", "usdt_trc20"]
    service.json("limits", "set", *pair, "--min-usd", "20", "--max-usd", "70")
    everywhere(bounds, (20, 70))
    assert bounds("usdt_bsc") == (1, 5000)
    small = partner.call("/create", swap(amount="19"))
    assert (small.status, small.code) == (400, 7)
    large = partner.call("/create", swap(amount="71"))
    assert (large.status, large.code) == (400, 8)
    assert partner.call("/create", swap(amount="50")).code == 0
    service.json("limits", "set", *pair, "--min-usd", "none", "--max-usd", "none")
    everywhere(bounds, (1, 5000))


def swap(**changes: object) -> dict[str, object]:
    """Return an order from USDC on Ethereum."""
    return order_request(
        fromCcy="usdc_erc20",
        refundAddress="0x9858EfFD232B4033E47d90003D41EC34EcaEda94",
        **changes,
    )


def test_an_order_beyond_the_daily_cap_is_refused(service: Running, partner: Partner) -> None:
    def refusals() -> list[str]:
        errors: list[str] = partner.call("/price", quote_request(amount="0.05")).data["errors"]
        return errors

    service.json("limits", "set", "--daily-cap-usd", "2500")
    everywhere(refusals, ["LIMIT_MAX"])
    answer = partner.call("/create", order_request(amount="0.05"))
    assert (answer.status, answer.json()) == (400, {"code": 8, "msg": "LIMIT_MAX"})
    assert partner.call("/create", order_request(amount="0.01")).code == 0
    service.json("limits", "set", "--daily-cap-usd", "none")
    everywhere(refusals, [])
    assert partner.call("/create", order_request(amount="0.05")).code == 0


def test_an_order_beyond_the_reserve_is_refused(service: Running, partner: Partner) -> None:
    eth = {"toCcy": "eth", "toAddress": "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"}

    def refusals() -> list[str]:
        errors: list[str] = partner.call("/price", quote_request(**eth)).data["errors"]
        return errors

    service.json("reserve", "set", "eth", "0.25")
    assert refusals() == []
    assert partner.call("/create", order_request(**eth)).code == 0
    everywhere(refusals, ["RESERVE"])
    answer = partner.call("/create", order_request(**eth))
    assert (answer.status, answer.json()) == (503, {"code": 9, "msg": "RESERVE_EXCEEDED"})
    (reserve,) = json.loads(service.command("reserve", "list", "--json").stdout)
    assert reserve["asset"] == "eth"
    assert float(reserve["left"]) < 0.1
    service.json("reserve", "set", "eth", "none")
    everywhere(refusals, [])


def until_done(partner: Partner, order: dict[str, object]) -> None:
    request = {"id": order["id"], "token": order["token"]}
    wait_until(lambda: partner.call("/order", request).data["status"], "DONE".__eq__)


def test_maintenance_stops_new_orders_and_lets_open_ones_go_on(
    service: Running, partner: Partner
) -> None:
    order = partner.call("/create", order_request()).data
    key = {"Idempotency-Key": "before-maintenance"}
    known = partner.call("/create", order_request(), **key).data
    service.json("maintenance", "on")
    everywhere(lambda: partner.call("/price", quote_request()).code, 10)
    refused = partner.call("/create", order_request())
    assert (refused.status, refused.json()) == (503, {"code": 10, "msg": "MAINTENANCE"})
    assert int(refused.headers["retry-after"]) > 0
    assert partner.call("/currencies").code == 0
    assert partner.call("/create", order_request(), **key).data["id"] == known["id"]
    service.json("sandbox", "deposit", str(order["id"]))
    until_done(partner, order)
    service.json("maintenance", "off")
    everywhere(lambda: partner.call("/price", quote_request()).code, 0)


@pytest.mark.parametrize(
    ("off", "on"),
    [
        (["asset", "disable", "btc"], ["asset", "enable", "btc"]),
        (["pair", "disable", "btc", "usdt_trc20"], ["pair", "enable", "btc", "usdt_trc20"]),
    ],
    ids=["asset", "pair"],
)
def test_what_is_switched_off_is_gone_and_open_orders_go_on(
    service: Running, partner: Partner, off: list[str], on: list[str]
) -> None:
    def offered() -> bool:
        pairs = partner.call("/pairs").data
        return any((one["from"], one["to"]) == ("btc", "usdt_trc20") for one in pairs)

    order = partner.call("/create", order_request()).data
    service.json(*off)
    everywhere(lambda: partner.call("/price", quote_request()).code, 1)
    everywhere(offered, expected=False)
    assert partner.call("/create", order_request()).code == 1
    service.json("sandbox", "deposit", str(order["id"]))
    until_done(partner, order)
    service.json(*on)
    everywhere(lambda: partner.call("/price", quote_request()).code, 0)
    everywhere(offered, expected=True)


def test_a_disabled_partners_open_orders_go_on(service: Running, partner: Partner) -> None:
    email = service.demo().cabinet_email
    order = partner.call("/create", order_request()).data
    service.json("partner", "disable", email)
    everywhere(lambda: partner.call("/price", quote_request()).code, 4)
    service.json("sandbox", "deposit", str(order["id"]))
    service.json("partner", "enable", email)
    everywhere(lambda: partner.call("/price", quote_request()).code, 0)
    until_done(partner, order)


def test_sign_ins_that_fail_make_their_address_wait(service: Running) -> None:
    demo = service.demo()
    here, there = (Person(service.base_url, address) for address in ("198.51.100.7", "192.0.2.7"))
    for _ in range(FREE_TRIES - 1):
        assert here.sign_in("nobody@example.org", "x").status == 403
    assert here.sign_in(demo.cabinet_email, demo.cabinet_password).status == 303
    assert here.sign_in("nobody0@example.org", "x").status == 403, "one's own doesn't count"
    failures = itertools.count(1)

    def after_another_failure() -> tuple[int, Seen]:
        """The first wait is of two seconds, each further failure doubles it."""
        number = next(failures)
        assert here.sign_in(f"nobody{number}@example.org", "x").status == 403
        return number, here.sign_in(demo.cabinet_email, demo.cabinet_password)

    number, waits = wait_until(after_another_failure, lambda found: found[1].status == 429)
    assert 1 <= int(waits.headers["retry-after"]) <= 2**number
    assert "Try again in" in waits.words()
    assert there.sign_in(demo.cabinet_email, demo.cabinet_password).status == 303
