"""What all pages of the cabinet work with, and the cookie by which a browser is known."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec
import structlog
from blacksheep import Request

from cabinet_htmx.partner.site import PartnerSite
from domain.actions.cabinet.ports import (
    AuditLog,
    KeySettingsRepository,
    SecondFactorPorts,
    SignInPorts,
    TeamPorts,
)
from domain.actions.cabinet.queries import CabinetQueries
from domain.actions.cabinet.sign_in import Browser, SignedIn, resume
from domain.actions.ledger.change_payout_details import PayoutDetailsPorts
from domain.actions.partners.ports import CodePorts, RotationPorts
from domain.cabinet.audit import AuditEntry, shortened
from domain.cabinet.members import Member
from domain.cabinet.sessions import LIFETIME, SessionName
from domain.errors import Unavailable
from domain.market.ports import Market
from domain.webhooks.ports import WebhookPorts
from gateway.api.qr_codes import QrCodes
from gateway.http.client_address import ClientAddresses

MAX_COOKIE_LENGTH: Final = 256

log = structlog.get_logger()


class CabinetPorts(msgspec.Struct, frozen=True, kw_only=True):
    """What the wiring gives the cabinet. `secure` says that pages are served over TLS."""

    signing_in: SignInPorts
    second_factors: SecondFactorPorts
    audit: AuditLog
    codes: CodePorts
    market: Market
    qr_codes: QrCodes
    webhooks: WebhookPorts
    keys: KeySettingsRepository
    rotation: RotationPorts
    team: TeamPorts
    new_id: Callable[[], UUID]
    addresses: ClientAddresses
    secure: bool
    reading: CabinetQueries
    payout_details: PayoutDetailsPorts


class CabinetContext(msgspec.Struct, frozen=True):
    """What the doors of the cabinet work with."""

    parts: CabinetPorts
    site: PartnerSite

    @property
    def signing_in(self) -> SignInPorts:
        """Return what signing in and out needs."""
        return self.parts.signing_in

    @property
    def cookie_name(self) -> str:
        """Return the name of the session's cookie; with TLS nobody can set it without."""
        return "__Secure-cabinet" if self.parts.secure else "cabinet"

    async def record(self, member: Member, address: str, what: str, about: str = "") -> None:
        """Put into the audit log what a member has just done.

        It is done by now: where the log can't be reached, the entry goes to the process's own log,
        and whoever did it is told what came of it all the same.
        """
        entry = AuditEntry(
            id=self.parts.new_id(),
            partner_id=member.partner_id,
            member_id=member.id,
            email=member.email,
            at=self.signing_in.clock.now(),
            address=address,
            what=what,
            about=shortened(about),
        )
        try:
            await self.parts.audit.add(entry)
        except Unavailable as error:
            log.exception("not in the audit log", why=str(error), **msgspec.to_builtins(entry))

    async def resume(self, request: Request) -> SignedIn | None:
        """Return who is signed in; raise Unavailable where that can't be known."""
        cookie = self._cookie_of(request)
        return None if cookie is None else await resume(self.signing_in, cookie)

    def cookie(self, name: SessionName) -> tuple[str, str]:
        """Return the header by which a browser keeps a session's cookie.

        SameSite=Lax and not Strict: no GET changes anything, and with Strict a link to the cabinet
        in a mail or a chat would lead to the sign-in page. Forms are guarded besides.
        """
        value = self.signing_in.signer.sign(name)
        return "Set-Cookie", self._set(value, int(LIFETIME.total_seconds()))

    def no_cookie(self) -> tuple[str, str]:
        """Return the header by which a browser forgets the session's cookie."""
        return "Set-Cookie", self._set("", 0)

    def browser_of(self, request: Request) -> Browser:
        """Return where a request comes from."""
        agent = (request.get_first_header(b"User-Agent") or b"").decode("latin-1")
        return Browser(self.address_of(request), agent)

    def address_of(self, request: Request) -> str:
        """Return the client's address."""
        return self.parts.addresses.of_scope(request.scope)

    def _set(self, value: str, seconds: int) -> str:
        secure = "; Secure" if self.parts.secure else ""
        return (
            f"{self.cookie_name}={value}; Path=/partner; Max-Age={seconds}; HttpOnly; "
            f"SameSite=Lax{secure}"
        )

    def _cookie_of(self, request: Request) -> str | None:
        # Not http.cookies: one malformed cookie of somebody else's and it finds none at all.
        name = self.cookie_name.encode()
        for header in request.get_headers(b"Cookie"):
            for part in header.split(b";"):
                found, _, value = part.strip().partition(b"=")
                if found == name and len(value) <= MAX_COOKIE_LENGTH:
                    return value.decode("latin-1")
        return None
