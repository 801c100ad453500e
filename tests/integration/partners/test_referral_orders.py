"""The swap page when what it needs is missing: prices, pay-in addresses, the database."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from domain.actions.orders.quote import QuotedSwap
from domain.actions.partners.open_for_visitor import VisitorForm, open_for_visitor
from domain.errors import Unavailable
from gateway.app import build
from gateway.asgi import AsgiMiddleware
from gateway.instance import KEYRING_FILE, ValkeyUser
from gateway.settings import Settings
from gateway.wiring.worker import GatewayProcess
from tests.conftest import DatabaseUrls, Servers
from tests.support.builders.records import add_addresses
from tests.support.clients.operator_command import Operator, new_operator
from tests.support.clients.visitor import FORM, REFUND, TO, PageResponse
from tests.support.servers.in_process import request


async def ask(
    front: AsgiMiddleware,
    path: str,
    form: dict[str, str] | None = None,
    *,
    client: str = "10.0.0.1",
) -> PageResponse:
    return await request(
        front,
        "POST" if form else "GET",
        path,
        urlencode(form or {}).encode(),
        {"content-type": "application/x-www-form-urlencoded"},
        client=client,
    )


@pytest.fixture
def operator(servers: Servers, database_urls: DatabaseUrls, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path)


@pytest.fixture
async def gateway(operator: Operator) -> AsyncIterator[GatewayProcess]:
    process = GatewayProcess(
        Settings(
            database_url=operator.urls.gateway,
            valkey_url=operator.valkey_url_of(ValkeyUser.GATEWAY),
            keyring_path=operator.data_dir / KEYRING_FILE,
            sandbox=True,
            public_url="http://x",
        )
    )
    yield process
    await process.stop()


def pages(gateway: GatewayProcess) -> AsgiMiddleware:
    return build(gateway, body_deadline_seconds=1, metrics=False)


async def filled(front: AsgiMiddleware) -> dict[str, str]:
    """Return the form as the page shows it with a price, filled in."""
    seen = await ask(front, "/swap/form", {name: FORM[name] for name in ("from", "to", "send")})
    fields = seen.fields()
    return FORM | {name: fields[name] for name in ("get", "was_send", "was_get", "quote")}


async def test_without_fresh_prices_the_page_reports_it_and_opens_no_order(
    operator: Operator, gateway: GatewayProcess
) -> None:
    operator.publish_rates(age=120)
    await gateway.start()
    front = pages(gateway)
    shown = await ask(front, "/")
    assert shown.status == 200
    assert "Prices are temporarily unavailable" in shown.words()
    price = await ask(front, "/swap/quote", FORM)
    assert "Prices are temporarily unavailable" in price.words()
    opened = await ask(front, "/", FORM)
    assert opened.status == 422
    assert opened.fields()["to_address"] == TO


async def test_without_a_free_address_no_order_is_opened_and_the_form_keeps_its_input(
    operator: Operator, gateway: GatewayProcess
) -> None:
    operator.publish_rates()
    await gateway.start()
    front = pages(gateway)
    form = await filled(front)
    refused = await ask(front, "/", form)
    assert refused.status == 503
    assert "The order could not be created, and nothing was charged." in refused.words()
    kept = refused.fields()
    same = form.keys() & kept.keys() - {"quote"}
    assert {name: kept[name] for name in same} == {name: form[name] for name in same}
    assert kept["quote"] not in ("", form["quote"]), "the price is that of now"
    add_addresses(operator.urls.owner, 1)
    opened = await ask(front, "/", kept | {"step": "open"})
    assert opened.status == 303


async def test_a_visitor_with_too_many_unpaid_orders_sees_why_and_keeps_the_input(
    operator: Operator, gateway: GatewayProcess
) -> None:
    operator.publish_rates()
    add_addresses(operator.urls.owner, 3)
    await asyncio.to_thread(operator.json, "unpaid-cap", "set", "client", "1000")
    await gateway.start()
    front = pages(gateway)
    form = await filled(front)
    assert (await ask(front, "/", form)).status == 303
    rejected = await ask(front, "/", await filled(front) | {"once": "p" * 22})
    assert rejected.status == 400
    assert "Too many orders are waiting for a deposit." in rejected.words()
    assert rejected.fields()["to_address"] == TO
    assert (await ask(front, "/", form)).status == 303, "the first form leads to its order again"
    ((stored, hashed),) = operator.sql("SELECT count(*), count(client) FROM orders")
    assert (stored, hashed) == (1, 1)
    assert operator.sql("SELECT client FROM orders") != [(b"10.0.0.1",)]
    other = await filled(front) | {"once": "q" * 22}
    assert (await ask(front, "/", other, client="10.0.0.2")).status == 303


async def test_an_order_is_found_again_after_a_rotation_of_the_keys(
    operator: Operator, gateway: GatewayProcess
) -> None:
    operator.publish_rates()
    await gateway.start()
    add_addresses(operator.urls.owner, 2)
    wanted = VisitorForm(
        once="r" * 22,
        swap=QuotedSwap(quote_id=(await filled(pages(gateway)))["quote"]),
        destination_address=TO,
        destination_tag=None,
        refund_address=REFUND,
    )
    entrance, old, new = gateway.public_context, b"o" * 32, b"n" * 32

    async def opened(*keys: bytes) -> tuple[Any, str]:
        found = await open_for_visitor(
            entrance.order_ports,
            entrance.referral_ports,
            wanted,
            clients=[b"c" * 32],
            cookie=None,
            token_keys=keys,
        )
        return found.order.id, found.token

    first = await opened(old)
    assert await opened(new, old) == first
    with pytest.raises(Exception, match="another token"):
        await opened(new)


async def test_without_the_catalogue_the_page_is_still_served(operator: Operator) -> None:
    process = GatewayProcess(
        Settings(
            database_url="postgresql://nobody@127.0.0.1:9/none",
            valkey_url=operator.valkey_url_of(ValkeyUser.GATEWAY),
            keyring_path=operator.data_dir / KEYRING_FILE,
            sandbox=True,
            public_url="http://x",
        )
    )
    try:
        shown = await ask(pages(process), "/")
        assert shown.status == 503
        assert "Temporarily unavailable" in shown.words()
        link = await ask(pages(process), "/r/some-code")
        assert (link.status, link.location) == (302, "/")
        assert "set-cookie" not in link.headers
        with pytest.raises(Unavailable):
            await process.public_context.referral_ports.referrers.default_partner()
    finally:
        await process.stop()
