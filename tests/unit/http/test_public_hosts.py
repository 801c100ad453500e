"""Pages are served under the public origins only, with HSTS under those that have TLS."""

import asyncio
from typing import Any
from urllib.parse import unquote

import pytest

from gateway.origins import PublicOrigins, local_origins, parse_origins
from gateway.public_hosts import PublicHosts, hsts_header

PAGES = {b"/", b"/docs", b"/partner/login"}
ORIGINS = ["https://swap.example", "https://swap.example:8443", "http://localhost:8080"]


async def call(
    path: str, *hosts: bytes, with_subdomains: bool = False
) -> tuple[int, dict[bytes, bytes]]:
    """Request a path of an application that serves everything."""
    sent: list[Any] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b"page", "more_body": False})

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    scope = {
        "type": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "headers": [(b"host", host) for host in hosts],
    }
    pages = PublicHosts(
        application,
        PublicOrigins(ORIGINS),
        exists=lambda path: path in PAGES,
        hsts=hsts_header(with_subdomains=with_subdomains),
    )
    await pages(scope, None, send)  # type: ignore[arg-type]
    return sent[0]["status"], dict(sent[0]["headers"])


@pytest.mark.parametrize(
    "host",
    [
        b"swap.example",
        b"SWAP.example",
        b"swap.example:443",
        b"swap.example:8443",
        b"localhost:8080",
    ],
)
async def test_a_public_host_is_served(host: bytes) -> None:
    assert (await call("/", host))[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"evil.example",
        b"swap.example.",
        b"swap.example:80",
        b"swap.example:8080",
        b"localhost",
        b"user@swap.example",
        b"swap.example,evil.example",
        b"\xffswap.example",
        b"x" * 10_000,
    ],
)
async def test_a_page_of_any_other_host_is_misdirected(host: bytes) -> None:
    status, headers = await call("/partner/login", host)
    assert status == 421
    assert b"a" not in headers, "the application was not called"


async def test_a_page_without_a_host_is_misdirected() -> None:
    assert (await call("/"))[0] == 421


@pytest.mark.parametrize(
    "path",
    ["/v1/price", "/api/v1/price", "/api/rates.xml", "/rates/float.xml", "/healthz", "/readyz"],
)
async def test_what_programs_call_is_served_under_any_host(path: str) -> None:
    for hosts in ((), (b"10.0.0.7:8080",)):
        assert (await call(path, *hosts))[0] == 200


@pytest.mark.parametrize("path", ["/v1", "/.env", "/partner/login/x"])
async def test_what_does_not_exist_is_not_found_under_any_host(path: str) -> None:
    assert (await call(path, b"evil.example"))[0] == 200, "the application responds"


async def test_an_encoded_path_of_a_page_is_misdirected_as_well() -> None:
    assert (await call("/partner/%6cogin", b"evil.example"))[0] == 421


async def test_only_origins_with_tls_have_hsts() -> None:
    name = b"strict-transport-security"
    assert (await call("/", b"swap.example"))[1][name] == b"max-age=31536000"
    assert (await call("/docs", b"swap.example:8443"))[1][name] == b"max-age=31536000"
    assert name not in (await call("/", b"localhost:8080"))[1]
    assert name not in (await call("/v1/price", b"internal"))[1]


async def test_subdomains_have_hsts_only_if_the_operator_says_so() -> None:
    name = b"strict-transport-security"
    covered = await call("/", b"swap.example", with_subdomains=True)
    assert covered[1][name] == b"max-age=31536000; includeSubDomains"
    assert name not in (await call("/", b"localhost:8080", with_subdomains=True))[1]


def test_links_begin_with_the_first_origin_that_was_set() -> None:
    assert PublicOrigins(ORIGINS).main == "https://swap.example"
    assert PublicOrigins().main is None


def test_an_origin_is_the_one_that_was_set_whatever_the_request_looks_like() -> None:
    assert PublicOrigins(ORIGINS).of(b"SWAP.EXAMPLE:443") == "https://swap.example"
    assert PublicOrigins().of(b"localhost") is None


@pytest.mark.parametrize(
    "text",
    [
        "swap.example",
        "ftp://swap.example",
        "https://",
        "https://swap.example/path",
        "https://user@swap.example",
        "https://swap.example:x",
        "https://swap.example:99999",
        "https://swap.example?x",
        "https://swap.example,javascript://x",
        "https://sw\u0430p.example",
        "https://swap.example\nhttps://evil.example",
        "http://swap.example",
        "http://10.0.0.1",
    ],
)
def test_what_is_not_a_public_origin_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"public address|ort"):
        parse_origins(text, sandbox=False)


def test_this_machine_needs_no_tls_and_a_sandbox_neither() -> None:
    local = local_origins("127.0.0.1", 8080)
    assert parse_origins(",".join(local), sandbox=False) == local
    assert parse_origins(" http://Swap.example/ ,", sandbox=True) == ["http://swap.example"]
    assert "http://[fe80::1]:8080" in local_origins("fe80::1", 8080)
    assert not [one for one in local_origins("0.0.0.0", 80) if "0.0.0.0" in one or ":80" in one]
