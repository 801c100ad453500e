"""All pages of the cabinet: whoever adds one adds its module's routes here."""

<<<<<<< HEAD
from gateway.cabinet import account, dashboard, orders, payout_details, payouts, sign_in
=======
from gateway.cabinet import account, second_factor, sessions, sign_in, step_up
>>>>>>> main
from gateway.cabinet.routes import RouteTable

TABLE = RouteTable(
    (
        *sign_in.ROUTES,
<<<<<<< HEAD
        *dashboard.ROUTES,
        *orders.ROUTES,
        *payout_details.ROUTES,
        *payouts.ROUTES,
=======
        *step_up.ROUTES,
>>>>>>> main
        *account.ROUTES,
        *second_factor.ROUTES,
        *sessions.ROUTES,
    )
)
