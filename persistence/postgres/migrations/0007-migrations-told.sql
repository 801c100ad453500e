-- Which migrations are applied, told to every role: what can't serve without them asks.
-- depends: 0006-webhooks

GRANT SELECT ON _yoyo_migration TO swapgate_gateway, swapgate_settlement, swapgate_admin;
