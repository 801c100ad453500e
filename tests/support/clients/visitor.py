"""A visitor of the public pages without scripts: reads forms, sends them, keeps cookies."""

from html.parser import HTMLParser
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

TO = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"
REFUND = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"


class Seen(msgspec.Struct):
    """An answer as a browser gets it, before it follows anything."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def location(self) -> str:
        return self.headers["location"]

    def fields(self) -> dict[str, str]:
        """Return what the page's swap form would send, without its buttons."""
        reader = _Form()
        reader.feed(self.text)
        return reader.fields

    def words(self) -> str:
        """Return the text of a page without its tags, in one line."""
        reader = _Words()
        reader.feed(self.text)
        return " ".join(" ".join(reader.found).split())


class Visitor:
    """One browser, which comes from one address."""

    def __init__(self, base_url: str, address: str = "") -> None:
        self._host = urlsplit(base_url).netloc
        self._address = address
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> Seen:
        return self._send("GET", path, None, headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Seen:
        headers = {"Sec_Fetch_Site": "same-origin", **headers}
        return self._send("POST", path, urlencode(fields), headers)

    def filled(
        self, path: str = "/?from=btc&to=usdt_trc20&amount=0.01", **more: str
    ) -> dict[str, str]:
        """Return the form of the swap page, filled in with good addresses."""
        form = self.get(path).fields()
        return form | {"to_address": TO, "refund_address": REFUND, "step": "open"} | more

    def opened(self, **more: str) -> str:
        """Open an order; return the path of its page."""
        answer = self.post("/", self.filled(**more))
        assert answer.status == 303, answer.words()
        return answer.location

    def _send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Seen:
        named = {name.replace("_", "-"): value for name, value in headers.items() if value}
        if body is not None:
            named.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if self.cookies:
            named["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if self._address:
            named["X-Forwarded-For"] = self._address
        connection = HTTPConnection(self._host, timeout=20)
        try:
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            self._keep(told.get("set-cookie"))
            return Seen(answer.status, told, answer.read().decode(errors="replace"))
        finally:
            connection.close()

    def _keep(self, cookie: str | None) -> None:
        if cookie:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._select = ""
        self._inside = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given: dict[str, Any] = dict(attributes)
        if tag == "form":
            self._inside = given.get("id") == "swap"
        if not self._inside:
            return
        if tag == "input" and (given.get("type") != "radio" or "checked" in given):
            self.fields[given["name"]] = given.get("value") or ""
        if tag == "select":
            self._select = given["name"]
        if tag == "option" and "selected" in given:
            self.fields[self._select] = given["value"]


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)
