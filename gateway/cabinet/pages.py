"""All pages of the cabinet: whoever adds one adds its module's routes here."""

from gateway.cabinet import account, sign_in
from gateway.cabinet.routes import RouteTable

TABLE = RouteTable(
    (
        *sign_in.ROUTES,
        *account.ROUTES,
    )
)
