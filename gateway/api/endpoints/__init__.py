"""The endpoints of /v1, one file per family. `ENDPOINTS` is the table of all of them."""

from gateway.api.endpoint import Endpoint
from gateway.api.endpoints import codes, discovery, emergency, keys, orders, price, qr, status

ENDPOINTS: tuple[Endpoint, ...] = (
    *discovery.ENDPOINTS,
    *price.ENDPOINTS,
    *orders.ENDPOINTS,
    *emergency.ENDPOINTS,
    *qr.ENDPOINTS,
    *keys.ENDPOINTS,
    *codes.ENDPOINTS,
    *status.ENDPOINTS,
)
