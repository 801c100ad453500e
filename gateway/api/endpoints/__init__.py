"""The endpoints of /v1, one file per family. `ENDPOINTS` is the table of all of them."""

from gateway.api.endpoint import Endpoint
from gateway.api.endpoints import (
    addresses,
    codes,
    discovery,
    emergency,
    keys,
    lists,
    orders,
    price,
    qr,
    quote,
    sandbox,
    status,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    *discovery.ENDPOINTS,
    *price.ENDPOINTS,
    *quote.ENDPOINTS,
    *orders.ENDPOINTS,
    *lists.ENDPOINTS,
    *emergency.ENDPOINTS,
    *qr.ENDPOINTS,
    *keys.ENDPOINTS,
    *codes.ENDPOINTS,
    *addresses.ENDPOINTS,
    *status.ENDPOINTS,
    *sandbox.ENDPOINTS,
)
