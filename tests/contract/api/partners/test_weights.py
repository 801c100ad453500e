"""Every call has the weight of the contract (sections 4, 14 to 16 and 22), whatever it returns."""

from uuid import uuid4

import pytest

from gateway.api.endpoint import Endpoint
from gateway.api.endpoints import ENDPOINTS
from tests.conftest import Running
from tests.support.clients.partner import Partner

FIVE, FIFTY = {"/qr", "/orders", "/orders/status"}, {"/create"}


@pytest.fixture(scope="module")
def partner(up: Running) -> Partner:
    """A partner whose weight no other test uses."""
    created = up.json("partner", "create", "--email", f"{uuid4().hex}@weights.example")
    up.json("partner", "set", created["email"], "--budget", "1000000")
    return Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"])).until_active()


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_a_signed_call_is_charged_its_weight(partner: Partner, endpoint: Endpoint) -> None:
    before = partner.remaining_weight()
    partner.call(endpoint.path.replace("{id}", str(uuid4())), 7, method=endpoint.method)
    charged = before - partner.remaining_weight() - 1
    assert charged == (5 if endpoint.path in FIVE else 50 if endpoint.path in FIFTY else 1)
