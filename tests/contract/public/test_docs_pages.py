"""/docs over HTTP: its headers, and examples that have the shape of live responses."""

import gzip
import re
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from cabinet_htmx.docs.contents import Entry, entries
from tests.conftest import Running
from tests.support.clients.partner import Partner, Response, order_request, quote_request, send
from tests.support.clients.snippets import ROOT, block

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def get(up: Running, path: str, **headers: str) -> Response:
    renamed = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(up.base_url + path, headers=renamed, method="GET")


@pytest.mark.parametrize("page", list(entries()), ids=lambda page: page.name)
def test_every_page_is_served(up: Running, page: Entry) -> None:
    response = get(up, page.path)
    assert response.status == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert f'<a href="{page.path}" aria-current="page">'.encode() in response.body


def test_pages_carry_the_security_headers(up: Running) -> None:
    for path in ("/docs", "/docs/nothing"):
        headers = get(up, path).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


def test_a_page_in_the_browsers_cache_returns_304(up: Running) -> None:
    first = get(up, "/docs/price")
    etag = first.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{16}"', etag)
    assert first.headers["cache-control"] == "no-cache"
    for header in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        cached = get(up, "/docs/price", If_None_Match=header)
        assert (cached.status, cached.body, cached.headers["etag"]) == (304, b"", etag)
    assert get(up, "/docs/price", If_None_Match='"other"').status == 200


def test_every_worker_returns_the_same_etag_for_a_page(up: Running) -> None:
    assert len({get(up, "/docs/create").headers["etag"] for _ in range(12)}) == 1


def test_pages_are_compressed_if_the_client_accepts_gzip(up: Running) -> None:
    plain, compressed = get(up, "/docs"), get(up, "/docs", Accept_Encoding="br, gzip;q=0.8")
    assert compressed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(compressed.body) == plain.body
    assert compressed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert compressed.headers["etag"] != plain.headers["etag"]
    for encoding in ("gzip;q=0", "br", "identity"):
        assert "content-encoding" not in get(up, "/docs", Accept_Encoding=encoding).headers


@pytest.mark.parametrize(
    "path", ["/docs/nothing", "/docs/price/more", "/docs/..%2fsecrets", "/docs/%FF"]
)
def test_an_unknown_page_returns_404_with_the_contents(up: Running, path: str) -> None:
    response = get(up, path)
    assert response.status == 404
    assert b"Page not found" in response.body
    assert b'<a href="/docs/quickstart">' in response.body


def test_a_head_request_returns_no_body(up: Running) -> None:
    response = send(up.base_url + "/docs", method="HEAD")
    assert (response.status, response.body) == (200, b"")
    assert response.headers["etag"] == get(up, "/docs").headers["etag"]


def test_pages_accept_only_get_and_head(up: Running) -> None:
    response = send(up.base_url + "/docs", b"{}")
    assert (response.status, response.code) == (405, 1)
    assert response.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(("path", "page"), [("/docs/", "/docs"), ("/docs/price/", "/docs/price")])
def test_a_trailing_slash_redirects_to_the_page(up: Running, path: str, page: str) -> None:
    assert get(up, path).body == get(up, page).body  # the client follows redirects


def test_static_files_are_cacheable_forever(up: Running) -> None:
    linked = re.findall(rb'"(/static/[^"]+)"', get(up, "/docs").body)
    assert len(set(linked)) == 4
    for path in set(linked):
        response = get(up, path.decode())
        assert response.status == 200
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["content-type"] in (
            "text/css; charset=utf-8",
            "image/svg+xml; charset=utf-8",
        )


@pytest.mark.parametrize("path", ["/static/site.css", "/static/site.000000000000.css", "/static/"])
def test_a_missing_file_returns_the_error_envelope(up: Running, path: str) -> None:
    response = get(up, path)
    assert (response.status, response.code) == (404, 6)


@pytest.fixture(scope="module")
def partner(up: Running) -> Partner:
    return up.new_partner()


def example(page: str, step: str = "answer") -> Any:
    return msgspec.json.decode(block(ROOT / "docs" / f"{page}.md", "json", step))


def shape(value: Any) -> Any:
    """Return a document with each value replaced by its type, or by None if it is null."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return None if value is None else type(value)


def agrees(documented: Any, live: Any) -> bool:
    if isinstance(documented, dict) and isinstance(live, dict):
        return list(documented) == list(live) and all(
            agrees(documented[name], live[name]) for name in documented
        )
    return documented is None or live is None or documented == live


def test_examples_have_the_shape_of_live_responses(partner: Partner) -> None:
    opened = partner.call("/create", order_request()).data
    access = {"id": opened["id"], "token": opened["token"]}
    code = f"docs-{uuid4().hex[:8]}"
    created_code = partner.call("/codes", {"code": code, "label": "A label", "afftaxBps": 7}).data
    signed = partner.headers(b"")
    listed = send(f"{partner.base_url}/v1/codes", headers=signed, method="GET").data
    live = {
        ("currencies", "answer"): partner.call("/currencies", {}).data[0],
        ("pairs", "answer"): partner.call("/pairs", {}).data[0],
        ("price", "answer"): partner.call("/price", quote_request()).data,
        ("create", "answer"): opened,
        ("order", "answer"): partner.call("/order", access).data,
        ("qr", "answer"): partner.call("/qr", access).data,
        ("codes", "made"): created_code,
        ("codes", "listed"): listed[0],
        ("keys-rotate", "answer"): partner.call("/keys/rotate", {"rotate": ["apiSecret"]}).data,
    }
    for (page, step), response in live.items():
        documented = example(page, step)
        assert agrees(shape(documented), shape(response)), (page, step, response)
