"""Which forms of the cabinet require a second factor: each one declares it."""

import pytest

from gateway.cabinet.route_table import TABLE
from gateway.cabinet.routes import Route, StepUp

FORMS = [route for route in TABLE.routes if route.method == "POST"]
SENSITIVE = (
    "/partner/keys/",
    "/partner/team/",
    "/partner/payout-history/details",
    "/partner/account/second-factor/recovery-codes",
    "/partner/account/second-factor/off",
    "/partner/account/passkeys/",
)
"""Keys, team and payout details: without a second factor, none of them can be changed."""
WITHDRAWAL = "/partner/payout-history/details/{id}/withdraw"
"""Stops a change that somebody else may have made, and keeps the details in effect."""
WEBHOOK_SETTINGS = "/partner/webhooks"


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", FORMS, ids=name)
def test_every_form_declares_whether_it_requires_a_second_factor(route: Route) -> None:
    assert isinstance(route.step_up, StepUp)


def test_pages_without_a_form_of_passkeys_declare_no_second_factor() -> None:
    declared = {
        route.path: route.step_up
        for route in TABLE.routes
        if route.method == "GET" and route.step_up is not None
    }
    assert declared == {"/partner/account/passkeys/new": StepUp.IF_ON}


@pytest.mark.parametrize("route", FORMS, ids=name)
def test_keys_team_webhook_settings_and_payout_details_require_a_second_factor(
    route: Route,
) -> None:
    if route.path == WEBHOOK_SETTINGS:
        assert route.step_up is StepUp.IF_ON
    elif route.path.startswith(SENSITIVE) and route.path != WITHDRAWAL:
        assert route.step_up is StepUp.REQUIRED
    else:
        assert route.step_up is StepUp.NOT_NEEDED
