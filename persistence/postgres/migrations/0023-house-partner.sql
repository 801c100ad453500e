-- The operator's own partner, which orders of the swap page belong to that nobody referred.
-- depends: 0017-reconciliation

-- Nobody can call or sign in as it: its key has a dot, at which calls are split, its secrets can't
-- be opened, and it has no URL. The operator may give it a markup, or disable it: then only referred
-- visitors may swap.
INSERT INTO partners (id, email, name, api_key, api_secret_sealed, webhook_secret_sealed,
  webhook_events, markup_bps, base_fee_share_bps, budget, max_codes, created_at)
VALUES ('00000000-0000-0000-0000-000000000001', 'house@swapgate.invalid', 'The house',
  'the.house', '', '', '{}', 0, 0, 2500, 0, now());
