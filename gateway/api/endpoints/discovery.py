"""/v1/currencies and /v1/pairs: what can be swapped."""

import msgspec

from domain.errors import Unavailable
from domain.partners.scopes import EVERY_SCOPE
from domain.partners.weights import Call
from gateway.api import examples
from gateway.api.discovery_cache import CurrencyOut, PairOut
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.codec import Decoder


class NothingIn(msgspec.Struct):
    """A body without fields. It may be omitted."""


_decode = Decoder(NothingIn)


def currencies(services: Services, request: Request) -> bytes:
    """List the active assets."""
    _check_empty(request.body)
    return services.discovery.currencies


def pairs(services: Services, request: Request) -> bytes:
    """List the pairs that can currently be quoted."""
    _check_empty(request.body)
    return services.discovery.pairs


def _check_empty(body: bytes) -> None:
    if body not in (b"", b"{}"):  # what clients send, without the time to decode it
        _decode(body)


ENDPOINTS = (
    Endpoint(
        "/currencies",
        "POST",
        Call.CURRENCIES,
        auth_required=False,
        scopes=EVERY_SCOPE,
        handle=currencies,
        summary="List the active assets",
        request_type=NothingIn,
        response_type=list[CurrencyOut],
        errors=(Unavailable,),
        example=examples.CURRENCIES,
        any_origin=True,
    ),
    Endpoint(
        "/pairs",
        "POST",
        Call.PAIRS,
        auth_required=False,
        scopes=EVERY_SCOPE,
        handle=pairs,
        summary="List the pairs that can be swapped",
        request_type=NothingIn,
        response_type=list[PairOut],
        errors=(Unavailable,),
        example=examples.PAIRS,
        any_origin=True,
    ),
)
