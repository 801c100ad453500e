"""All pages of the cabinet: whoever adds one adds its module's routes here."""

from gateway.cabinet import (
    account,
    dashboard,
    orders,
    payout_details,
    payouts,
    second_factor,
    sessions,
    sign_in,
    step_up,
)
from gateway.cabinet.routes import RouteTable

TABLE = RouteTable(
    (
        *sign_in.ROUTES,
        *step_up.ROUTES,
        *dashboard.ROUTES,
        *orders.ROUTES,
        *payout_details.ROUTES,
        *payouts.ROUTES,
        *account.ROUTES,
        *second_factor.ROUTES,
        *sessions.ROUTES,
    )
)
