"""Rows of `orders`, and the orders they contain."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from domain.assets import Asset, Catalogue
from domain.market.conversion import Rate
from domain.money import USD_DECIMALS, units_from
from domain.orders.order import Order
from domain.orders.references import References
from domain.orders.states import Choice, Emergency, RateType, State
from persistence.postgres.orders.deposits import DEPOSITS, deposits_of

CurrentCatalogue = Callable[[], Catalogue]

SHOWN = f"""
  id, partner_id, code_id, rate_type, state, version, source, destination,
  source_amount::text AS source_amount, destination_amount::text AS destination_amount, rate,
  network_fee::text AS network_fee, fee_bps, markup_bps, worth_usd::text AS worth_usd,
  destination_address, destination_tag,
  refund_address, pay_in_address, pay_in_tag, created_at, expires_at, updated_at,
  finished_at, payout_tx_id, refund_tx_id, emergency, refund_tag, external_id, metadata,
  (SELECT c.code FROM codes c WHERE c.id = orders.code_id) AS code,
  COALESCE(
    NULLIF(choice, 'NONE'),
    (SELECT c.choice FROM emergency_choices c WHERE c.order_id = orders.id AND state = 'held'),
    'NONE') AS choice,
  ({DEPOSITS})::text AS deposits
"""  # noqa: S608  the deposits are a constant of ours

COLUMNS = f"{SHOWN}, token_hash"


class _Typed(msgspec.Struct, frozen=True):
    """The typed columns of a row; converting them together takes a third of the time."""

    id: UUID
    partner_id: UUID
    code_id: UUID | None
    rate_type: RateType
    state: State
    emergency: tuple[Emergency, ...]
    choice: Choice


def order_of(row: Mapping[str, Any], assets: Mapping[str, Asset]) -> Order:
    """Return the order of a row of SHOWN or COLUMNS."""
    typed = msgspec.convert(row, _Typed)
    source: Asset = assets[row["source"]]
    destination: Asset = assets[row["destination"]]
    return Order(
        id=typed.id,
        partner_id=typed.partner_id,
        code_id=typed.code_id,
        rate_type=typed.rate_type,
        state=typed.state,
        source=source,
        destination=destination,
        source_amount=units_from(row["source_amount"], source.precision),
        destination_amount=units_from(row["destination_amount"], destination.precision),
        rate=Rate.parse(row["rate"]),
        network_fee=units_from(row["network_fee"], destination.precision),
        fee_bps=row["fee_bps"],
        markup_bps=row["markup_bps"],
        worth_usd=units_from(row["worth_usd"], USD_DECIMALS),
        destination_address=row["destination_address"],
        destination_tag=row["destination_tag"],
        refund_address=row["refund_address"],
        refund_tag=row["refund_tag"],
        references=_references(row),
        pay_in_address=row["pay_in_address"],
        pay_in_tag=row["pay_in_tag"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        updated_at=row["updated_at"],
        finished_at=row["finished_at"],
        deposits=deposits_of(row["deposits"], source),
        payout_tx_id=row["payout_tx_id"],
        refund_tx_id=row["refund_tx_id"],
        emergency=typed.emergency,
        choice=typed.choice,
        has_outflow=row.get("has_outflow", False),
    )


_NO_REFERENCES = References()
_decode_metadata = msgspec.json.Decoder(dict[str, str]).decode


def _references(row: Mapping[str, Any]) -> References:
    external_id, metadata, code = row["external_id"], row["metadata"], row["code"]
    if external_id is metadata is code is None:
        return _NO_REFERENCES
    return References(
        external_id=external_id,
        metadata=None if metadata is None else _decode_metadata(metadata),
        code=code,
    )
