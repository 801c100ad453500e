"""Referral codes: figures, markup in percent, and the form with its errors."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Self

import msgspec

from cabinet_htmx.shared.amounts import percent, percentage
from domain.errors import InvalidCommand
from domain.money import format_usd
from domain.partners.codes import CodeQuota, ListedCode

_PERCENTAGE = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,2}))?", re.ASCII)


class CodeView(msgspec.Struct, frozen=True, kw_only=True):
    """A code and its figures; USD in cents, rounded down as in the API."""

    name: str
    label: str | None
    markup: str
    has_own_markup: bool
    enabled: bool
    created_at: datetime
    orders: int
    volume_usd: str
    earnings_usd: str
    path: str
    origin: str

    @classmethod
    def of(cls, listed: ListedCode, *, default_bps: int, origin: str) -> Self:
        """Return the view of a code; links start with `origin`."""
        code, statistics = listed.code, listed.statistics
        return cls(
            name=code.code,
            label=code.label,
            markup=percent(code.markup_bps if code.markup_bps is not None else default_bps),
            has_own_markup=code.markup_bps is not None,
            enabled=code.enabled,
            created_at=code.created_at,
            orders=statistics.orders,
            volume_usd=format_usd(statistics.volume_usd),
            earnings_usd=format_usd(statistics.earnings_usd),
            path=f"/partner/codes/{code.code}",
            origin=origin,
        )

    @property
    def link(self) -> str:
        """Return the referral link."""
        return f"{self.origin}/r/{self.name}"


class CodeForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form of a code, as stored or as submitted, with an error for each invalid field."""

    code: str = ""
    label: str = ""
    markup: str = ""
    errors: Mapping[str, str] = {}

    @classmethod
    def of(cls, listed: ListedCode) -> Self:
        """Return the form of a stored code."""
        bps = listed.code.markup_bps
        return cls(
            code=listed.code.code,
            label=listed.code.label or "",
            markup="" if bps is None else percentage(bps),
        )

    def with_errors(self, errors: Mapping[str, str]) -> Self:
        """Return the same form with these errors."""
        return msgspec.structs.replace(self, errors=errors)


class QuotaView(msgspec.Struct, frozen=True):
    """How many codes exist and are allowed, and the markup of codes without their own."""

    codes: int
    max_codes: int
    default_markup: str

    @classmethod
    def of(cls, quota: CodeQuota) -> Self:
        """Return the view."""
        return cls(quota.codes, quota.max_codes, percent(quota.markup_bps))

    @property
    def is_reached(self) -> bool:
        """Return whether no further code can be created."""
        return self.codes >= self.max_codes


def bps_of(text: str) -> int | None:
    """Return the basis points of a percentage, None for an empty field; raise InvalidCommand."""
    plain = text.strip().removesuffix("%").strip().replace(",", ".")
    if not plain:
        return None
    parts = _PERCENTAGE.fullmatch(plain)
    if parts is None:
        raise InvalidCommand("not a percentage")
    return int(parts[1]) * 100 + int((parts[2] or "").ljust(2, "0"))
