"""A partner that owns reference codes, as a client of /v1/codes."""

import secrets
from typing import Any
from uuid import uuid4

from tests.conftest import Running
from tests.support.clients.partner import Partner, Response, quote_request
from tests.support.waiting import ALL_WORKERS, wait_until

DEFAULT_BPS = 30


def name() -> str:
    return f"code_{secrets.token_hex(6)}"


class Owner(Partner):
    """A partner that owns codes."""

    def __init__(self, up: Running, *settings: str) -> None:
        self.email = f"{uuid4().hex}@partner.example"
        markup = str(DEFAULT_BPS)
        created = up.json("partner", "create", "--email", self.email, "--markup-bps", markup)
        up.json("partner", "set", self.email, "--budget", "1000000", *settings)
        super().__init__(up.base_url, str(created["apiKey"]), str(created["apiSecret"]))
        self.until_active()

    def create(self, code: str, **fields: object) -> Response:
        return self.call("/codes", {"code": code, **fields})

    def codes(self) -> list[dict[str, Any]]:
        data: list[dict[str, Any]] = self.call("/codes", method="GET").data
        return data

    def disable(self, code: object) -> Response:
        return self.call("/codes", {"code": code}, method="DELETE")

    def enable(self, code: object) -> Response:
        return self.call("/codes/enable", {"code": code})

    def markup(self, code: str | None, **fields: object) -> int:
        markup: int = self.call("/price", quote_request(**fields), code=code).data["markupBps"]
        return markup

    def until_markup(self, code: str, expected: int) -> None:
        """Wait until every worker quotes with this markup for a code."""
        wait_until(lambda: self.markup(code), expected.__eq__, consecutive=ALL_WORKERS)


def error_of(response: Response) -> tuple[int, int]:
    assert set(response.json()) == {"code", "msg"}
    return response.code, response.status
