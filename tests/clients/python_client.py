"""A client from openapi-python-client: a quote, an order, a list and a code, signed by a hook."""

import hashlib
import hmac
import json
import os
import secrets
import sys

import httpx
from swapgate_client import Client
from swapgate_client.api.codes import get_codes, post_codes
from swapgate_client.api.create import post_create
from swapgate_client.api.order import post_order
from swapgate_client.api.price import post_price
from swapgate_client.models import (
    CreateCodeIn,
    CreateOrderIn,
    Direction,
    Failure,
    GetCodesResponse200,
    PostCodesResponse200,
    PostCreateResponse200,
    PostOrderResponse200,
    PostPriceResponse200,
    PriceIn,
    RateType,
    ShowOrderIn,
)

KEY, SECRET = os.environ["API_KEY"], os.environ["API_SECRET"]


def sign(request: httpx.Request) -> None:
    """Sign a call with version 2, as docs/authentication.md describes."""
    nonce = secrets.token_urlsafe(24)
    parts = ("v2", request.method, request.url.raw_path.decode(), KEY, nonce, "")
    signed = "\n".join(parts).encode() + request.read()
    request.headers["X-API-KEY"] = KEY
    request.headers["X-API-NONCE"] = nonce
    request.headers["X-API-SIGN-VERSION"] = "2"
    request.headers["X-API-SIGN"] = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()


def main() -> None:
    client = Client(
        base_url=f"{os.environ['BASE_URL']}/v1", httpx_args={"event_hooks": {"request": [sign]}}
    )
    swap = PriceIn(
        type_=RateType.FLOAT,
        from_ccy="btc",
        to_ccy="usdt_trc20",
        direction=Direction.FROM,
        amount="0.01",
    )
    quote = post_price.sync(client=client, body=swap)
    wanted = CreateOrderIn(
        type_=RateType.FLOAT,
        from_ccy="btc",
        to_ccy="usdt_trc20",
        direction=Direction.FROM,
        amount="0.01",
        to_address="TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
        refund_address="bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
    )
    opened = post_create.sync(client=client, body=wanted)
    assert isinstance(quote, PostPriceResponse200)
    assert isinstance(opened, PostCreateResponse200)
    created = opened.data
    assert created.token is not None
    order = post_order.sync(client=client, body=ShowOrderIn(id=created.id, token=created.token))
    code = post_codes.sync(client=client, body=CreateCodeIn(code=os.environ["CODE"]))
    codes = get_codes.sync(client=client)
    swap.amount = "0"
    rejected = post_price.sync(client=client, body=swap)
    assert isinstance(order, PostOrderResponse200)
    assert isinstance(code, PostCodesResponse200)
    assert isinstance(codes, GetCodesResponse200)
    assert isinstance(rejected, Failure)
    json.dump(
        {
            "paid": quote.data.to.amount,
            "status": order.data.status,
            "same": order.data.id == created.id,
            "codes": [one.code for one in codes.data],
            "failure": rejected.code,
        },
        sys.stdout,
    )


main()
