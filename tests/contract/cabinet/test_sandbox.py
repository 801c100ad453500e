"""Buttons of the sandbox on an order's page: the same steps as in the API."""

import pytest

from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner, Person
from tests.support.clients.partner import order_request

ORDERS = "/partner/orders"
STEPS = ("deposit", "confirm", "payout", "expire", "advance")


@pytest.fixture(scope="module")
def partner(by_hand: Running) -> CabinetPartner:
    partner = CabinetPartner.new(by_hand)
    partner.api.until_active()
    return partner


@pytest.fixture(scope="module")
def owner(partner: CabinetPartner) -> Person:
    return partner.owner()


def opened(partner: CabinetPartner) -> str:
    return str(partner.api.call("/create", order_request()).data["id"])


def perform(person: Person, order_id: str, step: str, **fields: str) -> str:
    page = f"{ORDERS}/{order_id}"
    response = person.send_form(page, f"{page}/sandbox/{step}", **fields)
    assert response.location == page, response.words()
    return person.get(page).words()


def test_the_buttons_lead_an_order_to_its_end(partner: CabinetPartner, owner: Person) -> None:
    order_id = opened(partner)
    assert "Done. The order is now PENDING." in perform(owner, order_id, "deposit", amount="0.01")
    assert "Done. The order is now EXCHANGE." in perform(owner, order_id, "confirm")
    assert "Done. The order is now DONE." in perform(owner, order_id, "payout")
    log = owner.get("/partner/team/log").words()
    assert f"payout of order {order_id}" in log


def test_a_late_deposit_is_simulated(partner: CabinetPartner, owner: Person) -> None:
    order_id = opened(partner)
    perform(owner, order_id, "deposit", late="yes")
    assert "Done. The order is now EMERGENCY." in perform(owner, order_id, "confirm")


@pytest.mark.parametrize(
    ("step", "fields", "message"),
    [
        ("payout", {}, "The order's current status doesn't allow this step."),
        ("deposit", {"amount": "all"}, "Enter the amount as a positive decimal"),
        ("deposit", {"amount": "0.123456789"}, "too many decimals"),
        ("advance", {"seconds": ""}, "Enter 1 to 604800 seconds."),
        ("advance", {"seconds": "0"}, "Enter 1 to 604800 seconds."),
        ("advance", {"seconds": "604801"}, "Enter 1 to 604800 seconds."),
        ("advance", {"seconds": "soon"}, "Enter 1 to 604800 seconds."),
    ],
)
def test_a_step_that_is_not_possible_is_explained(
    partner: CabinetPartner, owner: Person, step: str, fields: dict[str, str], message: str
) -> None:
    assert message in perform(owner, opened(partner), step, **fields)


@pytest.mark.parametrize("step", STEPS)
def test_orders_of_other_partners_are_not_found(
    by_hand: Running, partner: CabinetPartner, owner: Person, step: str
) -> None:
    other = CabinetPartner.new(by_hand)
    other.api.until_active()
    foreign, own = opened(other), opened(partner)
    form = {"seconds": "60"} if step == "advance" else {}
    path = f"{ORDERS}/{foreign}/sandbox/{step}"
    response = owner.send_form(f"{ORDERS}/{own}", path, **form)
    assert response.status == 404
