"""Rows of `orders`, and the orders they contain."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from domain.assets import Asset, Catalogue
from domain.market.conversion import Rate
from domain.money import USD_DECIMALS, units_from
from domain.orders.order import Order
from domain.orders.references import References
from domain.orders.states import Choice, Emergency, RateType, State
from persistence.postgres.orders.deposits import DEPOSITS, StoredDeposit, deposits_of

CurrentCatalogue = Callable[[], Catalogue]


class _Row(msgspec.Struct, array_like=True, gc=False):
    """What SHOWN selects: each field is the column of its name, or its expression below."""

    id: UUID
    partner_id: UUID
    code_id: UUID | None
    rate_type: RateType
    state: State
    source: str
    destination: str
    source_amount: str
    destination_amount: str
    rate: str
    network_fee: str
    fee_bps: int
    markup_bps: int
    worth_usd: str
    destination_address: str
    destination_tag: str | None
    refund_address: str
    pay_in_address: str
    pay_in_tag: str | None
    created_at: datetime
    expires_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    payout_tx_id: str | None
    refund_tx_id: str | None
    emergency: tuple[Emergency, ...]
    refund_tag: str | None
    external_id: str | None
    metadata: str | None
    code: str | None
    choice: Choice
    deposits: list[StoredDeposit] | None


_EXPRESSIONS = {
    "source_amount": "source_amount::text",
    "destination_amount": "destination_amount::text",
    "network_fee": "network_fee::text",
    "worth_usd": "worth_usd::text",
    "code": "(SELECT c.code FROM codes c WHERE c.id = orders.code_id)",
    "choice": """COALESCE(
    NULLIF(choice, 'NONE'),
    (SELECT c.choice FROM emergency_choices c WHERE c.order_id = orders.id AND state = 'held'),
    'NONE')""",
    "deposits": f"({DEPOSITS})",
}

SHOWN = "json_build_array({})".format(
    ", ".join(_EXPRESSIONS.get(name, name) for name in _Row.__struct_fields__)
)
"""An order as a JSON array: the driver and Python take three times as long for its columns."""

NOT_DELETED = "(deleted_at IS NULL) IS TRUE"
"""The condition for orders read by id, in a form that no index has.

While a new table has no statistics, PostgreSQL would otherwise scan all of an index with this
condition (`orders_changed`), and keep that plan while the table grows.
"""

COLUMNS = f"id, {SHOWN}::text AS shown, version, token_hash"

_decode_row = msgspec.json.Decoder(_Row).decode
_decode_rows = msgspec.json.Decoder(list[_Row]).decode
_decode_metadata = msgspec.json.Decoder(dict[str, str]).decode
_NO_REFERENCES = References()


def order_of(shown: str, assets: Mapping[str, Asset], *, has_outflow: bool = False) -> Order:
    """Return the order of the text of SHOWN."""
    return _order(_decode_row(shown), assets, has_outflow=has_outflow)


def orders_of(shown: str, assets: Mapping[str, Asset]) -> list[Order]:
    """Return the orders of the text of a JSON array of SHOWN."""
    return [_order(row, assets) for row in _decode_rows(shown)]


def _order(row: _Row, assets: Mapping[str, Asset], *, has_outflow: bool = False) -> Order:
    source: Asset = assets[row.source]
    destination: Asset = assets[row.destination]
    return Order(
        id=row.id,
        partner_id=row.partner_id,
        code_id=row.code_id,
        rate_type=row.rate_type,
        state=row.state,
        source=source,
        destination=destination,
        source_amount=units_from(row.source_amount, source.precision),
        destination_amount=units_from(row.destination_amount, destination.precision),
        rate=Rate.parse(row.rate),
        network_fee=units_from(row.network_fee, destination.precision),
        fee_bps=row.fee_bps,
        markup_bps=row.markup_bps,
        worth_usd=units_from(row.worth_usd, USD_DECIMALS),
        destination_address=row.destination_address,
        destination_tag=row.destination_tag,
        refund_address=row.refund_address,
        refund_tag=row.refund_tag,
        references=_references(row),
        pay_in_address=row.pay_in_address,
        pay_in_tag=row.pay_in_tag,
        created_at=row.created_at,
        expires_at=row.expires_at,
        updated_at=row.updated_at,
        finished_at=row.finished_at,
        deposits=deposits_of(row.deposits, source),
        payout_tx_id=row.payout_tx_id,
        refund_tx_id=row.refund_tx_id,
        emergency=row.emergency,
        choice=row.choice,
        has_outflow=has_outflow,
    )


def _references(row: _Row) -> References:
    if row.external_id is row.metadata is row.code is None:
        return _NO_REFERENCES
    return References(
        external_id=row.external_id,
        metadata=None if row.metadata is None else _decode_metadata(row.metadata),
        code=row.code,
    )
