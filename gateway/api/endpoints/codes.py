"""/v1/codes: the caller's reference codes, and what they have brought."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from domain.actions.partners.manage_codes import NewCode, create_code, list_codes, switch_code
from domain.errors import CodeConflict, InvalidRequest, NotFound, Unavailable
from domain.money import format_usd
from domain.partners.codes import CODE_PATTERN, MAX_LABEL_LENGTH, ListedCode, OwnCode
from domain.partners.weights import Call
from domain.wire import Bps, Identity, Moment, Usd
from gateway.api import examples
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.api.endpoints.price import MarkupIn
from gateway.codec import Decoder, success


class CreateCodeIn(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A new code. Without `afftaxBps` the partner's default markup applies to it."""

    code: Annotated[str, msgspec.Meta(pattern=CODE_PATTERN)]
    label: Annotated[str, msgspec.Meta(max_length=MAX_LABEL_LENGTH)] | None = None
    markup_bps: MarkupIn | None = msgspec.field(name="afftaxBps", default=None)


class NameCodeIn(msgspec.Struct, frozen=True):
    """Which code."""

    code: str


class CodeOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A code. `createdAt` is ISO 8601 in UTC with milliseconds."""

    id: Identity
    code: str
    label: str | None
    markup_bps: Bps | None = msgspec.field(name="afftaxBps")
    enabled: bool
    created_at: Moment


class ListedCodeOut(CodeOut, frozen=True, kw_only=True, rename="camel"):
    """A code with its statistics; USD rounded down to cents."""

    orders: Annotated[int, msgspec.Meta(ge=0)]
    volume_usd: Usd
    earnings_usd: Usd


_decode_create = Decoder(CreateCodeIn)
_decode_name = Decoder(NameCodeIn)


async def create(services: Services, received: Request) -> bytes:
    """Create a code. Its name is unique across all partners, and is never given again."""
    asked = _decode_create(received.body)
    created = await create_code(
        services.codes,
        received.signed_by.access.partner_id,
        NewCode(code=asked.code, label=asked.label, markup_bps=asked.markup_bps),
    )
    return success(CodeOut(**_described(created)))


async def list_all(services: Services, received: Request) -> bytes:
    """List the caller's newest codes, at most 100, enabled and disabled ones, newest first.

    A call without a body signs zero bytes.
    """
    found = await list_codes(services.codes, received.signed_by.access.partner_id)
    return success([_listed(one) for one in found])


async def disable(services: Services, received: Request) -> bytes:
    """Disable a code: calls through it fall back to the partner's default markup."""
    return await _switch(services, received, enabled=False)


async def enable(services: Services, received: Request) -> bytes:
    """Enable a code again."""
    return await _switch(services, received, enabled=True)


async def _switch(services: Services, received: Request, *, enabled: bool) -> bytes:
    asked = _decode_name(received.body)
    partner_id = received.signed_by.access.partner_id
    await switch_code(services.codes, partner_id, asked.code, enabled=enabled)
    return success(True)


def _listed(listed: ListedCode) -> ListedCodeOut:
    return ListedCodeOut(
        **_described(listed.code),
        orders=listed.statistics.orders,
        volume_usd=format_usd(listed.statistics.volume_usd),
        earnings_usd=format_usd(listed.statistics.earnings_usd),
    )


def _described(code: OwnCode) -> dict[str, Any]:
    return {
        "id": str(code.id),
        "code": code.code,
        "label": code.label,
        "markup_bps": code.markup_bps,
        "enabled": code.enabled,
        "created_at": _moment(code.created_at),
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


ENDPOINTS = (
    Endpoint(
        "/codes",
        "POST",
        Call.CODES,
        auth_required=True,
        handle=create,
        summary="Create a reference code",
        takes=CreateCodeIn,
        gives=CodeOut,
        refusals=(InvalidRequest, CodeConflict, Unavailable),
        example=examples.CREATE_CODE,
    ),
    Endpoint(
        "/codes",
        "GET",
        Call.CODES,
        auth_required=True,
        handle=list_all,
        summary="List reference codes",
        takes=None,
        gives=list[ListedCodeOut],
        refusals=(Unavailable,),
        example=examples.LIST_CODES,
    ),
    Endpoint(
        "/codes",
        "DELETE",
        Call.CODES,
        auth_required=True,
        handle=disable,
        summary="Disable a reference code",
        takes=NameCodeIn,
        gives=bool,
        refusals=(InvalidRequest, NotFound, Unavailable),
        example=examples.NAME_CODE,
    ),
    Endpoint(
        "/codes/enable",
        "POST",
        Call.CODES,
        auth_required=True,
        handle=enable,
        summary="Enable a reference code again",
        takes=NameCodeIn,
        gives=bool,
        refusals=(InvalidRequest, NotFound, Unavailable),
        example=examples.NAME_CODE,
    ),
)
