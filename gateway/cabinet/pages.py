"""All pages of the cabinet: whoever adds one adds its module's routes here."""

from gateway.cabinet import account, audit, keys, second_factor, sessions, sign_in, step_up, team
from gateway.cabinet.routes import RouteTable

TABLE = RouteTable(
    (
        *sign_in.ROUTES,
        *step_up.ROUTES,
        *keys.ROUTES,
        *team.ROUTES,
        *audit.ROUTES,
        *account.ROUTES,
        *second_factor.ROUTES,
        *sessions.ROUTES,
    )
)
