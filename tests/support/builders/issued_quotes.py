"""quoteIds of a running service that its partner cannot use, though they are signed."""

import hashlib
import time
from typing import Any
from uuid import UUID, uuid4

from domain.orders import cursors
from domain.orders.quotes import quote_signing
from domain.orders.quotes.firm_quote import VALID_SECONDS, Audience
from gateway.instance import KEYRING_FILE
from persistence.keyring import KeyRing
from persistence.keyring_file import load_keyring
from tests.conftest import Running
from tests.support.bad_input.quotes import ADDRESSES
from tests.support.clients.partner import Partner, quote_request

UNTIL, AUDIENCE = 2, 4
"""Fields of a quoteId."""


class IssuedQuotes:
    """A partner, another one, and the keys that sign."""

    def __init__(self, up: Running) -> None:
        self.partner, self._id = _partner(up)
        self.other, self._other_id = _partner(up)
        self._keyring = load_keyring(up.data_dir / KEYRING_FILE)

    def own(self) -> str:
        return self._quoted(self.partner)

    def foreign(self) -> str:
        return self._quoted(self.other)

    def used(self, *, by_other: bool = False) -> str:
        partner = self.other if by_other else self.partner
        quote_id = self._quoted(partner)
        assert partner.call("/create", {"quoteId": quote_id, **ADDRESSES}).code == 0
        return quote_id

    def expired(self, seconds: float, *, foreign: bool = False) -> str:
        """Return a quoteId that has expired so many seconds ago."""
        quote_id = self.foreign() if foreign else self.own()
        until = str(int(time.time() - seconds))
        return self._signed(quote_id, {UNTIL: until}, self._other_id if foreign else self._id)

    def as_issued(self) -> str:
        """Return a quoteId that is signed here as the service does, and can be used."""
        return self._signed(self.own(), {UNTIL: str(int(time.time()) + VALID_SECONDS)}, self._id)

    def visitors(self) -> str:
        return self._signed(self.own(), {AUDIENCE: Audience.VISITOR.value}, self._id)

    def for_anyone(self) -> str:
        """Return one whose text says that it is for anyone, and that is signed for the partner."""
        return self._signed(self.own(), {AUDIENCE: Audience.ANYONE.value}, self._id)

    def of_another_purpose(self) -> str:
        return self._signed(self.own(), {}, self._id, purpose=cursors.KEY_PURPOSE)

    def of_another_installation(self) -> str:
        ring = KeyRing({self._keyring.current: bytes(32)}, current=self._keyring.current)
        return self._signed(self.own(), {}, self._id, keyring=ring)

    def _quoted(self, partner: Partner) -> str:
        return str(partner.call("/quote", quote_request()).data["quoteId"])

    def _signed(
        self,
        quote_id: str,
        changes: dict[int, str],
        partner_id: UUID,
        *,
        purpose: bytes = quote_signing.KEY_PURPOSE,
        keyring: KeyRing | None = None,
    ) -> str:
        fields = quote_id.rpartition(".")[0].split(".")
        for position, text in changes.items():
            fields[position] = text
        signed = ".".join(fields)
        key = (keyring or self._keyring).derived(purpose)[fields[1]]
        mac = hashlib.blake2b(partner_id.bytes + signed.encode(), key=key, digest_size=32)
        return f"{signed}.{mac.hexdigest()}"


def _partner(up: Running) -> tuple[Partner, UUID]:
    created: dict[str, Any] = up.json("partner", "create", "--email", f"{uuid4().hex}@q.example")
    up.json("partner", "set", created["email"], "--budget", "1000000", "--markup-bps", "75")
    partner = Partner(up.base_url, created["apiKey"], created["apiSecret"])
    return partner.until_active(), UUID(created["id"])
