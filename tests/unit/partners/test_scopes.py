"""Every endpoint declares the scopes of keys that the contract lists (sections 16 and 22)."""

import pytest

from domain.partners.scopes import Scope
from gateway.api.endpoint import Endpoint
from gateway.api.endpoints import ENDPOINTS

DISCOVERY = {"POST /currencies", "POST /pairs"}
TRADE = DISCOVERY | {
    "POST /price",
    "POST /quote",
    "POST /create",
    "POST /order",
    "POST /emergency",
    "POST /qr",
    "POST /address/validate",
}
READ = DISCOVERY | {
    "POST /order",
    "POST /orders",
    "POST /orders/status",
    "GET /status/{id}",
    "GET /codes",
}


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_an_endpoint_has_the_scopes_of_the_contract(endpoint: Endpoint, scope: Scope) -> None:
    name = f"{endpoint.method} {endpoint.path}"
    expected = {
        Scope.FULL: True,
        Scope.TRADE: name in TRADE or endpoint.path.startswith("/sandbox/"),
        Scope.READ: name in READ,
    }
    assert (scope in endpoint.scopes) is expected[scope]
