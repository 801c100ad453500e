"""/v1/codes: the caller's reference codes and their statistics."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from domain.actions.partners.manage_codes import NewCode, create_code, list_codes, switch_code
from domain.errors import CodeConflict, InvalidRequest, NotFound, Unavailable
from domain.money import format_usd
from domain.partners.codes import CODE_PATTERN, MAX_LABEL_LENGTH, ListedCode, OwnCode
from domain.partners.scopes import FULL_ONLY, FULL_OR_READ
from domain.partners.weights import Call
from domain.wire import Bps, Identity, Moment, Usd
from gateway.api import examples
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.api.endpoints.price import MarkupIn
from gateway.codec import Decoder, success


class CreateCodeIn(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A new code. Without `afftaxBps` the partner's default markup applies."""

    code: Annotated[str, msgspec.Meta(pattern=CODE_PATTERN)]
    label: Annotated[str, msgspec.Meta(max_length=MAX_LABEL_LENGTH)] | None = None
    markup_bps: MarkupIn | None = msgspec.field(name="afftaxBps", default=None)


class NameCodeIn(msgspec.Struct, frozen=True):
    """The code to change."""

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
_decode_code = Decoder(NameCodeIn)


async def create(services: Services, request: Request) -> bytes:
    """Create a code. Its name is unique across all partners and is never reissued."""
    body = _decode_create(request.body)
    created = await create_code(
        services.code_ports,
        request.partner_id,
        NewCode(code=body.code, label=body.label, markup_bps=body.markup_bps),
    )
    return success(CodeOut(**_fields(created)))


async def list_all(services: Services, request: Request) -> bytes:
    """List the caller's codes, enabled and disabled, newest first, at most 100.

    The call has no body, so its signature covers zero bytes.
    """
    codes = await list_codes(services.code_ports, request.partner_id)
    return success([_listed(code) for code in codes])


async def disable(services: Services, request: Request) -> bytes:
    """Disable a code. Calls that name it fall back to the partner's default markup."""
    return await _switch(services, request, enabled=False)


async def enable(services: Services, request: Request) -> bytes:
    """Enable a code that was disabled."""
    return await _switch(services, request, enabled=True)


async def _switch(services: Services, request: Request, *, enabled: bool) -> bytes:
    body = _decode_code(request.body)
    await switch_code(services.code_ports, request.partner_id, body.code, enabled=enabled)
    return success(True)


def _listed(listed: ListedCode) -> ListedCodeOut:
    return ListedCodeOut(
        **_fields(listed.code),
        orders=listed.statistics.orders,
        volume_usd=format_usd(listed.statistics.volume_usd),
        earnings_usd=format_usd(listed.statistics.earnings_usd),
    )


def _fields(code: OwnCode) -> dict[str, Any]:
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
        scopes=FULL_ONLY,
        handle=create,
        summary="Create a reference code",
        request_type=CreateCodeIn,
        response_type=CodeOut,
        errors=(InvalidRequest, CodeConflict, Unavailable),
        example=examples.CREATE_CODE,
    ),
    Endpoint(
        "/codes",
        "GET",
        Call.CODES,
        auth_required=True,
        scopes=FULL_OR_READ,
        handle=list_all,
        summary="List reference codes",
        request_type=None,
        response_type=list[ListedCodeOut],
        errors=(Unavailable,),
        example=examples.LIST_CODES,
    ),
    Endpoint(
        "/codes",
        "DELETE",
        Call.CODES,
        auth_required=True,
        scopes=FULL_ONLY,
        handle=disable,
        summary="Disable a reference code",
        request_type=NameCodeIn,
        response_type=bool,
        errors=(InvalidRequest, NotFound, Unavailable),
        example=examples.NAME_CODE,
    ),
    Endpoint(
        "/codes/enable",
        "POST",
        Call.CODES,
        auth_required=True,
        scopes=FULL_ONLY,
        handle=enable,
        summary="Enable a reference code again",
        request_type=NameCodeIn,
        response_type=bool,
        errors=(InvalidRequest, NotFound, Unavailable),
        example=examples.NAME_CODE,
    ),
)
