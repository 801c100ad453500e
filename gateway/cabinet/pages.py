"""All pages of the cabinet: whoever adds one adds its module's routes here."""

from gateway.cabinet import account, dashboard, orders, payout_details, payouts, sign_in
from gateway.cabinet.routes import RouteTable

TABLE = RouteTable(
    (
        *sign_in.ROUTES,
        *dashboard.ROUTES,
        *orders.ROUTES,
        *payout_details.ROUTES,
        *payouts.ROUTES,
        *account.ROUTES,
    )
)
