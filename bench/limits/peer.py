"""The FastAPI peer: signed quotes with FastAPI, pydantic, uvicorn and a Valkey call per request.

It does the same work: key, HMAC, nonce and weight with the admission script of the service, the
same pricing, and the same response bytes. `BENCH_PEER` is the path of its configuration.
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
from persistence.valkey.admission.controller import REPLY, REQUEST, SCRIPT
from persistence.valkey.admission.nonces import REMEMBERED_SINCE
from persistence.valkey.rates import read_snapshot

PRICE_WEIGHT = 1
NEWEST_REVISION = 2**53
"""Newer than any: the record of the only partner is never outdated."""
RATES_SECONDS = 0.5


class PriceIn(BaseModel):
    """A request for a quote."""

    type: Literal["float", "fixed"]
    fromCcy: str  # noqa: N815  the name on the wire
    toCcy: str  # noqa: N815
    direction: Literal["from", "to"]
    amount: str
    afftax: Annotated[int, Field(ge=0, le=2000)] | None = None


class QuoteSideOut(BaseModel):
    """One side of a quote."""

    code: str
    coin: str
    network: str
    chain: str
    chainId: int | None  # noqa: N815
    contract: str | None
    amount: str
    rate: str
    precision: int
    min: str
    max: str
    usd: str


class QuoteSourceOut(QuoteSideOut):
    """The source side, which also contains its value in BTC."""

    btc: str | None


class QuoteOut(BaseModel):
    """A quote."""

    source: QuoteSourceOut = Field(serialization_alias="from")
    destination: QuoteSideOut = Field(serialization_alias="to")
    networkFee: str  # noqa: N815
    errors: list[str]
    markupBps: int  # noqa: N815


class Envelope(BaseModel):
    """The envelope of every response."""

    code: int
    msg: str
    data: QuoteOut


class Config(BaseModel):
    """The only partner whose calls are accepted, and the URLs of the servers."""

    id: str
    api_key: str
    api_secret: str
    budget: int
    markup_bps: int
    database_url: str
    valkey_url: str


def build() -> FastAPI:
    """Return the application; uvicorn calls this factory."""
    config = Config.model_validate_json(Path(os.environ["BENCH_PEER"]).read_bytes())
    market = LiveMarket(sandbox=True)
    valkey = Valkey.from_url(config.valkey_url)
    admit = valkey.register_script(SCRIPT)

    async def watch_rates() -> None:
        while True:
            snapshot = await read_snapshot(valkey)
            if snapshot is not None:
                market.adopt_snapshot(snapshot)
            await asyncio.sleep(RATES_SECONDS)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        database = Database(config.database_url, size=2)
        market.adopt_catalogue(await read_catalogue(database))
        watcher = asyncio.create_task(watch_rates())
        yield
        watcher.cancel()
        await valkey.aclose()
        database.close()

    application = FastAPI(lifespan=lifespan)

    @application.post("/v1/price")
    async def price(
        request: Request,
        x_api_key: Annotated[str, Header()],
        x_api_sign: Annotated[str, Header()],
        x_api_nonce: Annotated[str, Header()],
        x_api_sign_version: Annotated[str, Header()] = "1",
    ) -> Envelope:
        body = await request.body()
        signed = _signed(request, x_api_sign_version, body)
        expected = hmac.new(config.api_secret.encode(), signed, hashlib.sha256).hexdigest()
        if x_api_key != config.api_key or not hmac.compare_digest(expected, x_api_sign.lower()):
            raise HTTPException(401)
        if not is_nonce(x_api_nonce):
            raise HTTPException(401)
        tag = f"{{p:{config.id}}}"
        admitted: bytes = await admit(
            args=[
                REQUEST.pack(config.budget, PRICE_WEIGHT, NEWEST_REVISION),
                REMEMBERED_SINCE,
                *(f"{tag}:weights", f"{tag}:revision", f"{tag}:nonce:{x_api_nonce}"),
            ],
        )
        outcome, _, _ = REPLY.unpack(admitted)
        if AdmissionOutcome(outcome) is not AdmissionOutcome.ADMITTED:
            raise HTTPException(
                429 if AdmissionOutcome(outcome) is AdmissionOutcome.LIMITED else 401
            )
        try:
            price_in = PriceIn.model_validate_json(body)
        except ValidationError as error:
            raise HTTPException(400) from error
        swap = SwapRequest(
            rate_type=RateType(price_in.type),
            source=price_in.fromCcy,
            destination=price_in.toCcy,
            direction=Direction(price_in.direction),
            amount=price_in.amount,
        )
        markup = config.markup_bps if price_in.afftax is None else price_in.afftax
        return Envelope(code=0, msg="", data=_out(quote(market, swap, markup_bps=markup)))

    return application


def _signed(request: Request, version: str, body: bytes) -> bytes:
    """Return the bytes that a signature covers: of version 1 the body alone."""
    if version != "2":
        return body
    key, nonce = request.headers["X-API-KEY"], request.headers["X-API-NONCE"]
    return f"v2\n{request.method}\n{request.url.path}\n{key}\n{nonce}\n".encode() + body


def _out(quoted: Quote) -> QuoteOut:
    priced = quoted.priced
    source, destination = priced.pair.source, priced.pair.destination
    source_value = usd_value(quoted.source_amount, priced.source_price, source)
    destination_value = usd_value(quoted.destination_amount, priced.destination_price, destination)
    btc_price = priced.snapshot.prices.get("BTC")
    return QuoteOut(
        source=QuoteSourceOut(
            **_side(source, priced.source_bounds),
            amount=format_units(quoted.source_amount, source.precision),
            rate=str(priced.rate),
            usd=source_value.cents(),
            btc=source_value.in_btc(btc_price) if btc_price else None,
        ),
        destination=QuoteSideOut(
            **_side(destination, priced.destination_bounds),
            amount=format_units(quoted.destination_amount, destination.precision),
            rate=str(priced.inverse),
            usd=destination_value.cents(),
        ),
        networkFee=format_units(priced.network_fee, destination.precision),
        errors=[problem.value for problem in quoted.problems],
        markupBps=priced.margin.markup_bps,
    )


def _side(asset: Asset, bounds: tuple[int, int]) -> dict[str, Any]:
    minimum, maximum = bounds
    return {
        "code": asset.code,
        "coin": asset.coin,
        "chain": asset.chain,
        "chainId": asset.chain_id,
        "contract": asset.contract,
        "network": asset.network,
        "precision": asset.precision,
        "min": format_units(minimum, asset.precision),
        "max": format_units(maximum, asset.precision),
    }


def write_config(directory: Path, **values: object) -> Path:
    """Write the configuration of a peer and return its path."""
    path = directory / "peer.json"
    path.write_text(json.dumps(values))
    path.chmod(0o600)
    return path
