"""What every page of the cabinet needs: its ports, the audit log and the session's cookies."""

from collections.abc import Callable
from hmac import compare_digest
from uuid import UUID

import msgspec
import structlog
from blacksheep import Request

from cabinet_htmx.partner.site import PartnerSite
from domain.actions.cabinet.ports import (
    AuditLog,
    PasskeyPorts,
    PasswordResetPorts,
    SecondFactorPorts,
    SignInPorts,
    TeamPorts,
)
from domain.actions.cabinet.queries import CabinetQueries
from domain.actions.cabinet.sign_in import Browser, SignedIn, known_device, resume
from domain.actions.ledger.ports import PayoutDetailsPorts
from domain.actions.partners.manage_keys import KeyPorts
from domain.actions.partners.ports import CodePorts, RotationPorts
from domain.actions.sandbox.ports import SandboxRequestPorts
from domain.cabinet import devices
from domain.cabinet.audit import AuditEntry, shortened
from domain.cabinet.members import Member
from domain.cabinet.sessions import LIFETIME, Session, SessionCookie
from domain.errors import Unavailable
from domain.market.ports import Market
from domain.webhooks.ports import WebhookPorts
from gateway.http.client_address import ClientAddresses
from gateway.http.cookies import RepeatedCookie, cookie_of, set_cookie
from gateway.origins import PublicOrigins
from gateway.runtime.qr_codes import QrCodes

log = structlog.get_logger()


class CabinetPorts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the wiring provides. `secure` states that pages are served over TLS."""

    sign_in: SignInPorts
    resets: PasswordResetPorts
    passkeys: PasskeyPorts
    second_factors: SecondFactorPorts
    audit: AuditLog
    codes: CodePorts
    market: Market
    qr_codes: QrCodes
    webhooks: WebhookPorts
    keys: KeyPorts
    rotation: RotationPorts
    team: TeamPorts
    new_id: Callable[[], UUID]
    addresses: ClientAddresses
    origins: PublicOrigins
    secure: bool
    queries: CabinetQueries
    payout_details: PayoutDetailsPorts
    sandbox: SandboxRequestPorts | None
    """None outside sandbox mode."""


class CabinetContext(msgspec.Struct, frozen=True):
    """Ports and page renderer, with what concerns every request."""

    ports: CabinetPorts
    site: PartnerSite

    @property
    def cookie_name(self) -> str:
        """Return the name of the session's cookie; the prefix requires TLS to set it."""
        return "__Secure-cabinet" if self.ports.secure else "cabinet"

    @property
    def proof_cookie_name(self) -> str | None:
        """Return the name of the cookie that proves that this host set the session's, with TLS."""
        return "__Host-cabinet-proof" if self.ports.secure else None

    async def record(self, member: Member, address: str, action: str, detail: str = "") -> None:
        """Add an entry to the audit log, after the action has been performed.

        If the log cannot be written, the entry goes to the process log and the request succeeds:
        the action cannot be undone any more.
        """
        entry = AuditEntry(
            id=self.ports.new_id(),
            partner_id=member.partner_id,
            member_id=member.id,
            email=member.email,
            at=self.ports.sign_in.clock.now(),
            address=address,
            action=action,
            detail=shortened(detail),
        )
        try:
            await self.ports.audit.add(entry)
        except Unavailable as error:
            log.exception("audit entry not stored", reason=str(error), **msgspec.to_builtins(entry))

    async def resume(self, request: Request) -> SignedIn | None:
        """Return the signed-in member, if any.

        Raises Unavailable if that cannot be determined, RepeatedCookie as `cookie_of` does.
        """
        cookie = self.session_cookie(request)
        if cookie is None or not self._was_set_here(request, cookie):
            return None
        return await resume(self.ports.sign_in, cookie)

    def _was_set_here(self, request: Request, cookie: str) -> bool:
        """Tell whether this host set a session's cookie: another one below the domain could, too.

        The session's cookie is sent to the cabinet only, so it cannot have the prefix itself.
        """
        name = self.proof_cookie_name
        if name is None:
            return True
        proof = cookie_of(request.get_headers(b"Cookie"), name)
        content = self.ports.sign_in.signer.verify(cookie)
        if proof is None or content is None:
            return False
        return compare_digest(proof.encode(), content.host_proof.encode())

    def session_cookie(self, request: Request) -> str | None:
        """Return the session's cookie, not yet verified; raise RepeatedCookie."""
        return cookie_of(request.get_headers(b"Cookie"), self.cookie_name)

    def session_cookies(self, cookie: SessionCookie) -> list[tuple[str, str]]:
        """Return the headers that set a session's cookies.

        SameSite is Lax rather than Strict: no GET changes anything, and with Strict a link to the
        cabinet in an email would always lead to the sign-in page. Forms carry a CSRF token.
        """
        value = self.ports.sign_in.signer.sign(cookie)
        return self._cookies(value, cookie.host_proof, int(LIFETIME.total_seconds()))

    @property
    def device_cookie_name(self) -> str:
        """Return the name of the device's cookie; the prefix binds it to this host and to TLS."""
        return "__Host-cabinet-device" if self.ports.secure else "cabinet-device"

    def remember_device(
        self, request: Request, member: Member, session: Session
    ) -> list[tuple[str, str]]:
        """Return the header that makes this browser a known device, once the sign-in is complete.

        Signing out leaves the cookie: it only counts failed attempts.
        """
        sign_in = self.ports.sign_in
        device = known_device(sign_in, member, session, browser=self.browser_of(request))
        return [] if device is None else [self.device_cookie(device)]

    def device_cookie(self, device: devices.Device) -> tuple[str, str]:
        """Return the header that sets a device's cookie."""
        return "Set-Cookie", set_cookie(
            self.device_cookie_name,
            self.ports.sign_in.devices.sign(device),
            path="/",
            seconds=int(devices.LIFETIME.total_seconds()),
            secure=self.ports.secure,
        )

    def cleared_cookies(self) -> list[tuple[str, str]]:
        """Return the headers that remove a session's cookies."""
        return self._cookies("", "", 0)

    def browser_of(self, request: Request) -> Browser:
        """Return the address, User-Agent and device cookie of a request; no device if repeated."""
        user_agent = (request.get_first_header(b"User-Agent") or b"").decode("latin-1")
        try:
            device = cookie_of(request.get_headers(b"Cookie"), self.device_cookie_name)
        except RepeatedCookie:
            device = None
        return Browser(self.address_of(request), user_agent, device)

    def address_of(self, request: Request) -> str:
        """Return the client's address."""
        return self.ports.addresses.of_scope(request.scope)

    def _cookies(self, value: str, proof: str, seconds: int) -> list[tuple[str, str]]:
        cookies = [(self.cookie_name, value, "/partner")]
        if self.proof_cookie_name is not None:
            cookies.append((self.proof_cookie_name, proof, "/"))
        return [
            (
                "Set-Cookie",
                set_cookie(name, value, path=path, seconds=seconds, secure=self.ports.secure),
            )
            for name, value, path in cookies
        ]
