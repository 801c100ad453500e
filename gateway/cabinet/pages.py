"""All pages of the cabinet: whoever adds one adds its module's routes here."""

from gateway.cabinet import (
    account,
    audit,
    code_links,
    codes,
    dashboard,
    keys,
    orders,
    payout_details,
    payouts,
    second_factor,
    sessions,
    sign_in,
    step_up,
    team,
    webhook_events,
    webhook_signature,
    webhooks,
)
from gateway.cabinet.routes import RouteTable

TABLE = RouteTable(
    (
        *sign_in.ROUTES,
        *step_up.ROUTES,
        *dashboard.ROUTES,
        *orders.ROUTES,
        *codes.ROUTES,
        *code_links.ROUTES,
        *webhooks.ROUTES,
        *webhook_events.ROUTES,
        *webhook_signature.ROUTES,
        *payouts.ROUTES,
        *payout_details.ROUTES,
        *keys.ROUTES,
        *team.ROUTES,
        *audit.ROUTES,
        *account.ROUTES,
        *second_factor.ROUTES,
        *sessions.ROUTES,
    )
)
