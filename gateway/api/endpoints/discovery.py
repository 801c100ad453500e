"""/v1/currencies and /v1/pairs: bytes made in the background, never in a request."""

import msgspec

from domain.errors import Unavailable
from domain.partners.weights import Call
from gateway.api import examples
from gateway.api.discovery_cache import CurrencyOut, PairOut
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.codec import Decoder


class NothingIn(msgspec.Struct):
    """A body without fields; no body at all is fine too."""


_decode = Decoder(NothingIn)


def currencies(services: Services, received: Request) -> bytes:
    """List the active assets."""
    _check_empty(received.body)
    return services.discovery.currencies


def pairs(services: Services, received: Request) -> bytes:
    """List the pairs that can be quoted now."""
    _check_empty(received.body)
    return services.discovery.pairs


def _check_empty(body: bytes) -> None:
    if body:
        _decode(body)


ENDPOINTS = (
    Endpoint(
        "/currencies",
        "POST",
        Call.CURRENCIES,
        auth_required=False,
        handle=currencies,
        summary="List the active assets",
        takes=NothingIn,
        gives=list[CurrencyOut],
        refusals=(Unavailable,),
        example=examples.CURRENCIES,
    ),
    Endpoint(
        "/pairs",
        "POST",
        Call.PAIRS,
        auth_required=False,
        handle=pairs,
        summary="List what can be swapped for what",
        takes=NothingIn,
        gives=list[PairOut],
        refusals=(Unavailable,),
        example=examples.PAIRS,
    ),
)
