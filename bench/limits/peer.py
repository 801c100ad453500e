"""The signed quote done the usual way: FastAPI, pydantic, uvicorn, a Valkey call per request.

The same work to the byte: key, HMAC, nonce and weight by the very script that ours uses, the same
pricing, the same answer. `BENCH_PEER` names a file that says whose calls it takes.
"""

import asyncio
import hashlib
import hmac
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Header, HTTPException, Request
from pydantic import BaseModel, Field, ValidationError
from valkey.asyncio import Valkey

from domain.actions.orders.quote import SwapRequest, quote
from domain.actions.partners.ports import AdmissionOutcome
from domain.assets import Asset
from domain.market.pricing import Direction, Quote
from domain.market.valuation import usd_value
from domain.money import format_units
from domain.orders.states import RateType
from domain.partners.credentials import is_nonce
from gateway.runtime.market import LiveMarket
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.pool import Database
from persistence.valkey.admission import REPLY, REQUEST, SCRIPT
from persistence.valkey.rates import read_snapshot

PRICE_WEIGHT = 1
RATES_SECONDS = 0.5


class PriceIn(BaseModel):
    """What to price."""

    type: Literal["float", "fixed"]
    fromCcy: str  # noqa: N815  the wire's name
    toCcy: str  # noqa: N815
    direction: Literal["from", "to"]
    amount: str
    afftax: Annotated[int, Field(ge=0, le=2000)] | None = None


class QuoteSideOut(BaseModel):
    """One side of a quote."""

    code: str
    coin: str
    network: str
    amount: str
    rate: str
    precision: int
    min: str
    max: str
    usd: str


class QuoteSourceOut(QuoteSideOut):
    """The source side also tells its worth in BTC."""

    btc: str | None


class QuoteOut(BaseModel):
    """A quote."""

    source: QuoteSourceOut = Field(serialization_alias="from")
    destination: QuoteSideOut = Field(serialization_alias="to")
    networkFee: str  # noqa: N815
    errors: list[str]
    markupBps: int  # noqa: N815


class Envelope(BaseModel):
    """What every answer is wrapped in."""

    code: int
    msg: str
    data: QuoteOut


class Known(BaseModel):
    """The one partner whose calls are taken, and where our servers are."""

    id: str
    api_key: str
    api_secret: str
    budget: int
    markup_bps: int
    database_url: str
    valkey_url: str


def build() -> FastAPI:
    """Return the application; uvicorn starts it by this name."""
    known = Known.model_validate_json(Path(os.environ["BENCH_PEER"]).read_bytes())
    market = LiveMarket(sandbox=True)
    valkey = Valkey.from_url(known.valkey_url)
    admit = valkey.register_script(SCRIPT)

    async def keep_rates() -> None:
        while True:
            snapshot = await read_snapshot(valkey)
            if snapshot is not None:
                market.adopt_snapshot(snapshot)
            await asyncio.sleep(RATES_SECONDS)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        database = Database(known.database_url, size=2)
        market.adopt_catalogue(await read_catalogue(database))
        following = asyncio.create_task(keep_rates())
        yield
        following.cancel()
        await valkey.aclose()
        database.close()

    application = FastAPI(lifespan=lifespan)

    @application.post("/v1/price")
    async def price(
        request: Request,
        x_api_key: Annotated[str, Header()],
        x_api_sign: Annotated[str, Header()],
        x_api_nonce: Annotated[str, Header()],
    ) -> Envelope:
        body = await request.body()
        expected = hmac.new(known.api_secret.encode(), body, hashlib.sha256).hexdigest()
        if x_api_key != known.api_key or not hmac.compare_digest(expected, x_api_sign.lower()):
            raise HTTPException(401)
        if not is_nonce(x_api_nonce):
            raise HTTPException(401)
        tag = f"{{p:{known.id}}}"
        admitted: bytes = await admit(
            keys=[f"{tag}:weights", f"{tag}:generation", f"{tag}:nonce:{x_api_nonce}"],
            args=[REQUEST.pack(known.budget, PRICE_WEIGHT, 1)],
        )
        outcome, _, _ = REPLY.unpack(admitted)
        if AdmissionOutcome(outcome) is not AdmissionOutcome.ADMITTED:
            raise HTTPException(
                429 if AdmissionOutcome(outcome) is AdmissionOutcome.LIMITED else 401
            )
        try:
            asked = PriceIn.model_validate_json(body)
        except ValidationError as error:
            raise HTTPException(400) from error
        swap = SwapRequest(
            rate_type=RateType(asked.type),
            source=asked.fromCcy,
            destination=asked.toCcy,
            direction=Direction(asked.direction),
            amount=asked.amount,
        )
        markup = known.markup_bps if asked.afftax is None else asked.afftax
        return Envelope(code=0, msg="", data=_out(quote(market, swap, markup_bps=markup)))

    return application


def _out(quoted: Quote) -> QuoteOut:
    priced = quoted.priced
    source, destination = priced.pair.source, priced.pair.destination
    worth = usd_value(quoted.source_amount, priced.source_price, source)
    paid = usd_value(quoted.destination_amount, priced.destination_price, destination)
    btc_price = priced.snapshot.prices.get("BTC")
    return QuoteOut(
        source=QuoteSourceOut(
            **_side(source, priced.source_bounds),
            amount=format_units(quoted.source_amount, source.precision),
            rate=str(priced.rate),
            usd=worth.cents(),
            btc=worth.in_btc(btc_price) if btc_price else None,
        ),
        destination=QuoteSideOut(
            **_side(destination, priced.destination_bounds),
            amount=format_units(quoted.destination_amount, destination.precision),
            rate=str(priced.inverse),
            usd=paid.cents(),
        ),
        networkFee=format_units(priced.network_fee, destination.precision),
        errors=[refusal.value for refusal in quoted.problems],
        markupBps=priced.margin.markup_bps,
    )


def _side(asset: Asset, bounds: tuple[int, int]) -> dict[str, Any]:
    least, most = bounds
    return {
        "code": asset.code,
        "coin": asset.coin,
        "network": asset.network,
        "precision": asset.precision,
        "min": format_units(least, asset.precision),
        "max": format_units(most, asset.precision),
    }


def known_file(directory: Path, **values: object) -> Path:
    """Write down what the peer needs to know, and return where."""
    path = directory / "peer.json"
    path.write_text(json.dumps(values))
    path.chmod(0o600)
    return path
