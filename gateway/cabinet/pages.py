"""All pages of the cabinet: whoever adds one adds its module's routes here."""

from gateway.cabinet import account, second_factor, sign_in, step_up
from gateway.cabinet.routes import RouteTable

TABLE = RouteTable(
    (
        *sign_in.ROUTES,
        *step_up.ROUTES,
        *account.ROUTES,
        *second_factor.ROUTES,
    )
)
