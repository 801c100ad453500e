"""Verifies what browsers return for passkeys, with the library `webauthn` (py_webauthn)."""

from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from domain.cabinet.members import Member
from domain.cabinet.passkeys import CHALLENGE_LIFETIME, Challenge, NewPasskey, Passkey
from domain.errors import AuthInvalid

TIMEOUT_MS: Final = int(CHALLENGE_LIFETIME.total_seconds()) * 1000

# The library is imported when it is needed: it loads 10 MB, and few workers need it.


class WebAuthnVerifier:
    """PasskeyVerifier for pages under one address (`https://host` or `https://host:port`).

    Passkeys are bound to the host of that address, and browsers create them on it only. No
    attestation is requested: which authenticators members use is their choice.
    """

    def __init__(self, public_url: str, *, service: str) -> None:
        self._origin = public_url
        self._host = urlsplit(public_url).hostname or ""
        self._service = service

    def creation_options(
        self, member: Member, challenge: Challenge, *, exclude: Sequence[bytes]
    ) -> bytes:
        """See PasskeyVerifier."""
        from webauthn import generate_registration_options, options_to_json  # noqa: PLC0415
        from webauthn.helpers.structs import (  # noqa: PLC0415
            AuthenticatorSelectionCriteria,
            ResidentKeyRequirement,
            UserVerificationRequirement,
        )

        options = generate_registration_options(
            rp_id=self._host,
            rp_name=self._service,
            user_id=member.id.bytes,
            user_name=member.email,
            challenge=challenge.value,
            timeout=TIMEOUT_MS,
            exclude_credentials=_descriptors(exclude),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.DISCOURAGED,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
        )
        return str(options_to_json(options)).encode()

    def verify_creation(self, response: str, challenge: Challenge) -> NewPasskey:
        """See PasskeyVerifier."""
        from webauthn import verify_registration_response  # noqa: PLC0415

        found = _verified(
            lambda: verify_registration_response(
                credential=response,
                expected_challenge=challenge.value,
                expected_rp_id=self._host,
                expected_origin=self._origin,
            )
        )
        return NewPasskey(
            bytes(found.credential_id), bytes(found.credential_public_key), int(found.sign_count)
        )

    def request_options(self, challenge: Challenge, *, allow: Sequence[bytes]) -> bytes:
        """See PasskeyVerifier."""
        from webauthn import generate_authentication_options, options_to_json  # noqa: PLC0415

        options = generate_authentication_options(
            rp_id=self._host,
            challenge=challenge.value,
            timeout=TIMEOUT_MS,
            allow_credentials=_descriptors(allow),
        )
        return str(options_to_json(options)).encode()

    def verify_use(self, response: str, challenge: Challenge, passkey: Passkey) -> int:
        """See PasskeyVerifier."""
        from webauthn import verify_authentication_response  # noqa: PLC0415

        found = _verified(
            lambda: verify_authentication_response(
                credential=response,
                expected_challenge=challenge.value,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
            )
        )
        return int(found.new_sign_count)


def _descriptors(credential_ids: Sequence[bytes]) -> list[Any]:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor  # noqa: PLC0415

    return [PublicKeyCredentialDescriptor(id=one) for one in credential_ids]


def _verified(verify: Callable[[], Any]) -> Any:
    """Return what the library has verified; raise AuthInvalid for any response that it rejects.

    Malformed responses, which anybody can send, raise further exceptions of its parsers.
    """
    try:
        return verify()
    except Exception as error:
        raise AuthInvalid(f"{type(error).__name__}: {error}") from error
