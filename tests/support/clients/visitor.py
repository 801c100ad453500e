"""A browser without scripts on the public pages: it submits forms and stores cookies."""

import ssl
from collections.abc import Iterable
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

TO = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"
REFUND = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
FORM = {
    "from": "btc",
    "to": "usdt_trc20",
    "send": "0.01",
    "side": "from",
    "to_address": TO,
    "refund_address": REFUND,
    "once": "o" * 22,
    "step": "open",
}
"""The swap page's form, filled in."""


class PageResponse(msgspec.Struct):
    """A response as a browser receives it, before it follows redirects."""

    status: int
    headers: dict[str, str]
    text: str
    set_cookies: list[str] = []

    @property
    def location(self) -> str:
        return self.headers["location"]

    def fields(self) -> dict[str, str]:
        """Return the fields that the page's swap form would submit, without its buttons."""
        reader = _Form()
        reader.feed(self.text)
        return reader.fields

    def words(self) -> str:
        """Return the text of a page without its tags, in one line."""
        reader = _Words()
        reader.feed(self.text)
        return " ".join(" ".join(reader.texts).split())


class Visitor:
    """One browser, with one client address.

    `address` is what a trusted proxy would report; `source` is an address of this machine that the
    browser connects from.
    """

    def __init__(
        self,
        base_url: str,
        address: str = "",
        *,
        source: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._host = urlsplit(base_url).netloc
        self._address = address
        self._source = (source, 0) if source else None
        self._tls = tls
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> PageResponse:
        return self._send("GET", path, None, headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> PageResponse:
        headers = {"Sec_Fetch_Site": "same-origin", **headers}
        return self._send("POST", path, urlencode(fields), headers)

    def filled(
        self, path: str = "/?from=btc&to=usdt_trc20&amount=0.01", **changes: str
    ) -> dict[str, str]:
        """Return the form of the swap page, filled in with valid addresses."""
        form = self.get(path).fields()
        return form | {"to_address": TO, "refund_address": REFUND, "step": "open"} | changes

    def opened(self, **changes: str) -> str:
        """Open an order; return the path of its page."""
        response = self.post("/", self.filled(**changes))
        assert response.status == 303, response.words()
        return response.location

    def _send(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> PageResponse:
        request_headers = {
            name.replace("_", "-"): value for name, value in headers.items() if value
        }
        if body is not None:
            request_headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if self.cookies:
            request_headers["Cookie"] = "; ".join(
                f"{name}={value}" for name, value in self.cookies.items()
            )
        if self._address:
            request_headers["X-Forwarded-For"] = self._address
        connection = self._connection()
        try:
            connection.request(method, path, body, request_headers)
            response = connection.getresponse()
            received_headers = {name.lower(): value for name, value in response.getheaders()}
            set_cookies = response.headers.get_all("Set-Cookie", [])
            self._keep(set_cookies)
            return PageResponse(
                response.status,
                received_headers,
                response.read().decode(errors="replace"),
                set_cookies,
            )
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        if self._tls is None:
            return HTTPConnection(self._host, timeout=60, source_address=self._source)
        return HTTPSConnection(
            self._host, timeout=60, source_address=self._source, context=self._tls
        )

    def _keep(self, cookies: Iterable[str]) -> None:
        for cookie in cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._select = ""
        self._inside = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values: dict[str, Any] = dict(attributes)
        if tag == "form":
            self._inside = values.get("id") == "swap"
        if not self._inside:
            return
        if tag == "input" and (values.get("type") != "radio" or "checked" in values):
            self.fields[values["name"]] = values.get("value") or ""
        if tag == "select":
            self._select = values["name"]
        if tag == "option" and "selected" in values:
            self.fields[self._select] = values["value"]


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
