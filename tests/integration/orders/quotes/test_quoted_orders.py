"""A quoteId opens one order with exactly its numbers, however many workers race for it."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from uuid import UUID

import msgspec
import psycopg
import pytest

from domain.actions.orders.open_order import Opened, OrderRequest, open_order
from domain.actions.orders.ports import IdempotencyKey, OrderPorts, QuotePorts
from domain.actions.orders.quote import QuotedSwap, SwapRequest
from domain.actions.orders.quotes.quote_firmly import quote_firmly
from domain.errors import (
    AboveMaximum,
    BelowMinimum,
    DomainError,
    IdempotencyConflict,
    InvalidRequest,
    Maintenance,
    QuoteInvalid,
    QuoteMismatch,
    QuoteUsed,
    RejectedInput,
    ReserveExceeded,
)
from domain.market.limits import Headroom
from domain.market.pricing import Direction
from domain.market.rates import RateSnapshot
from domain.orders.quotes.firm_quote import ANYONE, Audience, Holder
from domain.orders.states import RateType
from gateway.runtime.clock import SystemClock, new_id
from gateway.runtime.market import LiveMarket
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls
from tests.support.builders.order_world import PRICES, OrderWorld
from tests.support.builders.quotes import FixedClock, quote_signer
from tests.support.builders.records import add_addresses, stored_partner

RACERS = 200
ADDRESSES = 2 * RACERS
"""While a statement waits for another with the same quotes, it keeps the addresses that it took."""
KEYED = 40
"""With a key, each create that opens no order is followed by a statement that looks for one."""
TO = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"
REFUND = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"


class Workers:
    """Two workers of the gateway, and the quotes of one partner."""

    def __init__(self, world: OrderWorld) -> None:
        self.world = world
        self.clock = FixedClock(SystemClock().now())
        self.signer = quote_signer(clock=self.clock)
        self.databases = [Database(world.urls.gateway, size=8) for _ in range(2)]
        self.ports = [self._ports(database) for database in self.databases]

    def _ports(self, database: Database) -> OrderPorts:
        return OrderPorts(
            clock=self.clock,
            market=self.market,
            quotes=self.signer,
            orders=PostgresOrderRepository(database, lambda: self.market.catalogue),
            new_id=new_id,
            randomness=secrets.token_bytes,
        )

    @property
    def market(self) -> LiveMarket:
        return self.world.market

    def quote(
        self,
        amount: str = "0.01",
        *,
        rate_type: RateType = RateType.FLOAT,
        holder: Holder | None = None,
        region: str | None = None,
        markup_bps: int = 75,
    ) -> str:
        ports = QuotePorts(market=self.market, quotes=self.signer)
        swap = SwapRequest(rate_type, "btc", "usdt_trc20", Direction.FROM, amount)
        holder = holder or Holder(Audience.PARTNER, self.world.partner.id)
        offered = quote_firmly(ports, swap, markup_bps=markup_bps, holder=holder, region=region)
        assert offered.quote_id is not None, offered.problems
        return offered.quote_id.decode()

    async def open(
        self,
        quote_id: str,
        *,
        worker: int = 0,
        key: str | None = None,
        body: bytes = b"b",
        **swap: object,
    ) -> Opened:
        request = OrderRequest(
            partner_id=self.world.partner.id,
            code_id=None,
            swap=QuotedSwap(quote_id=quote_id, **swap),  # type: ignore[arg-type]
            markup_bps=0,
            destination_address=TO,
            destination_tag=None,
            refund_address=REFUND,
            source_network=None,
            destination_network=None,
        )
        idempotency = IdempotencyKey(key, body * 32) if key else None
        return await open_order(self.ports[worker], request, idempotency=idempotency)

    async def race(self, *attempts: Mapping[str, object]) -> tuple[list[Opened], Counter[type]]:
        """Open orders at once, alternating between the workers; return them and the errors."""
        ended = await asyncio.gather(
            *(
                self.open(**attempt, worker=number % 2)  # type: ignore[arg-type]
                for number, attempt in enumerate(attempts)
            ),
            return_exceptions=True,
        )
        opened = [one for one in ended if isinstance(one, Opened)]
        errors = [one for one in ended if isinstance(one, BaseException)]
        assert all(isinstance(one, DomainError) for one in errors), errors
        return opened, Counter(type(one) for one in errors)

    def count(self, what: str) -> int:
        with psycopg.connect(self.world.urls.owner) as connection:
            row = connection.execute(f"SELECT count(*) FROM {what}".encode()).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
async def workers(database_urls: DatabaseUrls) -> AsyncIterator[Workers]:
    world = OrderWorld(database_urls)
    world.sql("INSERT INTO connected_assets VALUES ('btc', true, true), ('usdt_trc20', true, true)")
    await world.set_operator("fixed_rates = true")
    world.rates()
    world.partner = await stored_partner(world.admin)
    add_addresses(database_urls.owner, 20)
    workers = Workers(world)
    yield workers
    for database in (*workers.databases, world.gateway, world.settlement, world.admin):
        database.close()


async def test_of_200_concurrent_creates_with_one_quote_on_two_workers_one_opens_an_order(
    workers: Workers,
) -> None:
    quote_id = workers.quote()
    opened, errors = await workers.race(*({"quote_id": quote_id} for _ in range(RACERS)))
    assert len(opened) == 1
    assert errors == {QuoteUsed: RACERS - 1}
    assert workers.count("orders") == 1
    assert workers.count("pay_in_addresses WHERE order_id IS NOT NULL") == 1


async def test_a_race_with_keys_of_their_own_leaves_no_trace_of_the_others(
    workers: Workers,
) -> None:
    quote_id = workers.quote()
    opened, errors = await workers.race(
        *({"quote_id": quote_id, "key": f"key-{number:04}"} for number in range(KEYED))
    )
    assert (len(opened), errors) == (1, {QuoteUsed: KEYED - 1})
    assert workers.count("idempotency_keys") == workers.count("orders") == 1


async def test_a_race_with_one_key_returns_the_one_order_to_all(workers: Workers) -> None:
    quote_id = workers.quote()
    opened, errors = await workers.race(
        *({"quote_id": quote_id, "key": "checkout"} for _ in range(KEYED))
    )
    assert (len(opened), errors) == (KEYED, {})
    assert len({one.order.id for one in opened}) == 1
    assert sum(one.token is not None for one in opened) == 1
    assert workers.count("orders") == 1


async def test_many_quotes_race_without_deadlocks_and_each_opens_one_order(
    workers: Workers,
) -> None:
    add_addresses(workers.world.urls.owner, ADDRESSES)
    quotes = [workers.quote() for _ in range(10)]
    order = quotes + quotes[::-1]
    opened, errors = await workers.race(*({"quote_id": one} for one in order * 10))
    assert (len(opened), errors) == (len(quotes), {QuoteUsed: 190})
    assert workers.count("orders") == workers.count("(SELECT DISTINCT quote_id FROM orders) AS q")


async def test_a_repetition_with_its_key_returns_the_order_even_after_the_quote_expired(
    workers: Workers,
) -> None:
    quote_id = workers.quote()
    first = await workers.open(quote_id, key="checkout")
    for wait in (timedelta(0), timedelta(days=1)):
        workers.clock.at += wait
        again = await workers.open(quote_id, key="checkout", worker=1)
        assert (again.order.id, again.token) == (first.order.id, None)
    with pytest.raises(IdempotencyConflict):
        await workers.open(quote_id, key="checkout", body=b"c")
    with pytest.raises(QuoteInvalid):
        await workers.open(quote_id, key="another key")


async def test_a_key_that_is_in_use_does_not_use_the_quote_up(workers: Workers) -> None:
    await workers.open(workers.quote(), key="checkout")
    quote_id = workers.quote()
    attempts = [{"quote_id": quote_id, "key": "checkout", "body": b"c"} for _ in range(20)]
    opened, errors = await workers.race(*attempts, {"quote_id": quote_id})
    assert (len(opened), errors) == (1, {IdempotencyConflict: 20})


async def test_a_create_without_a_free_address_does_not_use_the_quote_up(
    workers: Workers,
) -> None:
    first = [await workers.open(workers.quote()) for _ in range(20)]
    quote_id = workers.quote()
    opened, errors = await workers.race(*({"quote_id": quote_id} for _ in range(4)))
    assert (len(first), len(opened)) == (20, 0)
    assert QuoteUsed not in errors
    add_addresses(workers.world.urls.owner, 1)
    assert (await workers.open(quote_id)).token is not None


@pytest.mark.parametrize("rate_type", RateType)
async def test_an_order_has_exactly_the_numbers_of_its_quote_whatever_the_market_does(
    workers: Workers, rate_type: RateType
) -> None:
    quote_id = workers.quote(rate_type=rate_type)
    firm = workers.signer.verify(
        quote_id, partner_id=workers.world.partner.id, visitor=False, at=workers.clock.at
    )
    await workers.world.set_operator("spread_bps = 900, fixed_premium_bps = 500")
    for prices in (PRICES | {"BTC": PRICES["BTC"] // 2}, {}):
        at = SystemClock().now().timestamp()
        workers.market.adopt_snapshot(RateSnapshot(at=at, prices=prices))
    opened = await workers.open(quote_id)
    found = await workers.ports[1].orders.find(opened.order.id, workers.world.partner.id)
    assert found is not None
    order = found[0]
    assert (order.rate_type, order.rate) == (rate_type, firm.rate)
    assert (order.source_amount, order.destination_amount) == (
        firm.source_amount,
        firm.destination_amount,
    )
    assert (order.network_fee, order.fee_bps, order.markup_bps) == (firm.network_fee, 50, 75)
    assert order.worth_usd == 625 * 10**18


async def test_a_quote_of_anyone_has_no_markup_and_is_used_once_by_any_partner(
    workers: Workers,
) -> None:
    quote_id = workers.quote(holder=ANYONE, markup_bps=0)
    other = await stored_partner(workers.world.admin)
    opened = await workers.open(quote_id)
    assert (opened.order.markup_bps, opened.order.code_id) == (0, None)
    workers.world.partner = other
    with pytest.raises(QuoteInvalid):
        await workers.open(quote_id)


async def test_a_quote_expires_to_the_second(workers: Workers) -> None:
    quote_id = workers.quote()
    workers.clock.at = workers.clock.at.replace(microsecond=0) + timedelta(seconds=61)
    with pytest.raises(QuoteInvalid):
        await workers.open(quote_id)
    workers.clock.at -= timedelta(milliseconds=1)
    assert (await workers.open(quote_id)).token is not None


@pytest.mark.parametrize(
    ("named", "matches"),
    [
        ({"rate_type": RateType.FLOAT, "source": "btc", "destination": "usdt_trc20"}, True),
        ({"direction": Direction.FROM, "amount": "0.0100"}, True),
        ({"rate_type": RateType.FIXED}, False),
        ({"source": "ltc"}, False),
        ({"destination": "btc"}, False),
        ({"direction": Direction.TO}, False),
        ({"amount": "0.02"}, False),
    ],
)
async def test_what_a_request_names_beside_the_quote_must_be_the_quotes(
    workers: Workers, named: dict[str, object], *, matches: bool
) -> None:
    quote_id = workers.quote()
    if not matches:
        with pytest.raises(QuoteMismatch):
            await workers.open(quote_id, **named)  # type: ignore[arg-type]
    opened = await workers.open(quote_id, **(named if matches else {}))  # type: ignore[arg-type]
    assert opened.token is not None


async def _operator(workers: Workers, settings: str) -> None:
    await workers.world.set_operator(settings)


async def _sql(workers: Workers, statement: str) -> None:
    workers.world.sql(statement)
    workers.market.adopt_catalogue(await read_catalogue(workers.world.gateway))


CHANGES: dict[str, tuple[Callable[..., object], str, type[DomainError]]] = {
    "maintenance": (_operator, "maintenance = true", Maintenance),
    "minimum": (_operator, "min_usd = 626", BelowMinimum),
    "maximum": (_operator, "max_usd = 624", AboveMaximum),
    "daily cap": (_operator, "daily_cap_usd = 624", AboveMaximum),
    "fixed rates": (_operator, "fixed_rates = false", InvalidRequest),
    "source": (_sql, "UPDATE assets SET enabled = false WHERE code = 'btc'", InvalidRequest),
    "destination": (
        _sql,
        "UPDATE assets SET sendable = false WHERE code = 'usdt_trc20'",
        InvalidRequest,
    ),
    "pair": (
        _sql,
        "INSERT INTO pair_settings VALUES ('btc', 'usdt_trc20', false)",
        InvalidRequest,
    ),
    "reserve": (
        _sql,
        "INSERT INTO reserves (asset, amount) VALUES ('usdt_trc20', 600)",
        ReserveExceeded,
    ),
    "region": (_sql, "INSERT INTO restricted_regions (region) VALUES ('DE')", QuoteInvalid),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_limits_reserves_switches_and_regions_are_checked_again_at_creation(
    workers: Workers, change: str
) -> None:
    """The market of this worker has no headroom but that of the database's triggers."""
    quote_id = workers.quote(rate_type=RateType.FIXED, region="DE")
    apply, argument, error = CHANGES[change]
    await apply(workers, argument)  # type: ignore[misc]
    with pytest.raises(error) as rejected:
        await workers.open(quote_id)
    if isinstance(rejected.value, RejectedInput):
        assert rejected.value.field == "quoteId", "the request has no other field to blame"
    assert workers.count("orders") == 0


async def test_the_remaining_capacity_that_a_worker_knows_is_checked_as_well(
    workers: Workers,
) -> None:
    quote_id = workers.quote()
    for headroom, error in (
        (Headroom(usd_today=624 * 10**18), AboveMaximum),
        (Headroom(reserves={"usdt_trc20": 600_000_000}), ReserveExceeded),
    ):
        workers.market.adopt_headroom(headroom)
        with pytest.raises(error):
            await workers.open(quote_id)
    workers.market.adopt_headroom(Headroom(fixed_usd=0))
    assert (await workers.open(quote_id)).token is not None


async def test_a_used_quote_is_found_in_its_index_however_many_orders_there_are(
    workers: Workers,
) -> None:
    opened = await workers.open(workers.quote())
    with psycopg.connect(workers.world.urls.owner) as connection:
        connection.execute("SET enable_seqscan = on")
        plan = connection.execute(
            "EXPLAIN SELECT o.id FROM orders o WHERE o.quote_id = %s", (UUID(int=1),)
        ).fetchall()
        stored = connection.execute("SELECT id FROM orders WHERE quote_id IS NOT NULL").fetchall()
    assert stored == [(opened.order.id,)]
    assert "orders_quote" in str(plan)


def test_the_fields_of_a_quoted_swap_are_optional_but_its_id() -> None:
    fields = msgspec.structs.fields(QuotedSwap)
    assert [field.name for field in fields if field.required] == ["quote_id"]
