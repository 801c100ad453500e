"""All routes of the cabinet. To add a page, add its module's routes here."""

from gateway.cabinet import dashboard, step_up
from gateway.cabinet.account import account, audit, passkeys, second_factor, sessions, sign_in, team
from gateway.cabinet.ledger import payout_details, payouts
from gateway.cabinet.orders import orders, sandbox
from gateway.cabinet.partners import code_links, codes, keys
from gateway.cabinet.routes import RouteTable
from gateway.cabinet.webhooks import events, settings, signature

TABLE = RouteTable(
    (
        *sign_in.ROUTES,
        *step_up.ROUTES,
        *dashboard.ROUTES,
        *orders.ROUTES,
        *sandbox.ROUTES,
        *codes.ROUTES,
        *code_links.ROUTES,
        *settings.ROUTES,
        *events.ROUTES,
        *signature.ROUTES,
        *payouts.ROUTES,
        *payout_details.ROUTES,
        *keys.ROUTES,
        *team.ROUTES,
        *audit.ROUTES,
        *account.ROUTES,
        *second_factor.ROUTES,
        *passkeys.ROUTES,
        *sessions.ROUTES,
    )
)
