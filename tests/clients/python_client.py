"""A client from openapi-python-client: quotes, orders, a list, statuses and a code."""

import json
import os
import sys
from uuid import uuid4

from signing import signed_client
from swapgate_client import AuthenticatedClient
from swapgate_client.api.codes import get_codes, post_codes
from swapgate_client.api.create import post_create
from swapgate_client.api.orders import post_orders, post_orders_status
from swapgate_client.api.quote import post_quote
from swapgate_client.models import (
    CreateCodeIn,
    CreateOrderIn,
    CreateQuotedOrderIn,
    Direction,
    Failure,
    GetCodesResponse200,
    ListOrdersIn,
    OrderStatusesIn,
    PostCodesResponse200,
    PostCreateResponse200,
    PostOrdersResponse200,
    PostOrdersStatusResponse200,
    PostQuoteResponse200,
    QuoteIn,
    RateType,
)

TO, BACK = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"


def listed_ids(client: AuthenticatedClient) -> list[str]:
    """Return the ids of all orders, page by page."""
    ids: list[str] = []
    wanted = ListOrdersIn(limit=1)
    while True:
        page = post_orders.sync(client=client, body=wanted)
        assert isinstance(page, PostOrdersResponse200)
        ids += [order.id for order in page.data.orders]
        if page.data.cursor is None:
            return ids
        wanted.cursor = page.data.cursor


def main() -> None:
    client = signed_client(os.environ["BASE_URL"], os.environ["API_KEY"], os.environ["API_SECRET"])
    quote = post_quote.sync(
        client=client,
        body=QuoteIn(
            type_=RateType.FLOAT,
            from_ccy="btc",
            to_ccy="usdt_trc20",
            direction=Direction.FROM,
            amount="0.01",
            region="DE",
        ),
    )
    assert isinstance(quote, PostQuoteResponse200)
    assert quote.data.quote_id is not None
    of_quote = CreateQuotedOrderIn(quote_id=quote.data.quote_id, to_address=TO, refund_address=BACK)
    quoted = post_create.sync(client=client, body=of_quote, idempotency_key=str(uuid4()))
    again = post_create.sync(client=client, body=of_quote)
    priced = CreateOrderIn(
        type_=RateType.FLOAT,
        from_ccy="btc",
        to_ccy="usdt_trc20",
        direction=Direction.FROM,
        amount="0.01",
        to_address=TO,
        refund_address=BACK,
        external_id="generated",
    )
    plain = post_create.sync(client=client, body=priced)
    assert isinstance(quoted, PostCreateResponse200)
    assert isinstance(plain, PostCreateResponse200)
    assert isinstance(again, Failure)
    ids = [quoted.data.id, plain.data.id]
    statuses = post_orders_status.sync(client=client, body=OrderStatusesIn(ids=ids))
    code = post_codes.sync(client=client, body=CreateCodeIn(code=os.environ["CODE"]))
    codes = get_codes.sync(client=client)
    assert isinstance(statuses, PostOrdersStatusResponse200)
    assert isinstance(code, PostCodesResponse200)
    assert isinstance(codes, GetCodesResponse200)
    json.dump(
        {
            "quotedAmount": quote.data.to.amount,
            "orderedAmount": quoted.data.to.amount,
            "usedTwice": again.code,
            "ids": ids,
            "externalId": plain.data.external_id,
            "listed": listed_ids(client),
            "statuses": [[one.id, one.status] for one in statuses.data],
            "codes": [one.code for one in codes.data],
        },
        sys.stdout,
    )


main()
