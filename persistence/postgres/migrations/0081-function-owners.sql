-- Functions that run as their owner belong to roles with nothing but the rights that they need: one
-- per subject, which nobody can log in as. None runs as the owner of the database any longer.
-- depends: 0075-closed-deposit-refunds 0083-unpaid-counts 0086-nonce-memory

-- An owner of the database without CREATEROLE needs these roles, and membership in them, beforehand.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['market', 'orders', 'chains', 'webhooks', 'partners', 'ledger',
    'cabinet'] LOOP
    name := 'swapgate_functions_' || name;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', name);
      EXCEPTION
        WHEN duplicate_object OR unique_violation THEN NULL;
      END;
    END IF;
    IF NOT pg_catalog.pg_has_role(name, 'USAGE') THEN
      EXECUTE format('GRANT %I TO CURRENT_USER', name);
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', name);
  END LOOP;
END
$$;

-- Used by this migration and by later ones, for every function with SECURITY DEFINER. Only those to
-- whom EXECUTE is granted may call it; triggers call theirs anyway.
CREATE PROCEDURE set_function_owner(routine regprocedure, subject text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner CONSTANT text := 'swapgate_functions_' || subject;
BEGIN
  -- An owner of the database who is no superuser may give a function only to who may create one.
  EXECUTE format('GRANT CREATE ON SCHEMA public TO %I', owner);
  EXECUTE format('ALTER FUNCTION %s OWNER TO %I', routine, owner);
  EXECUTE format('REVOKE CREATE ON SCHEMA public FROM %I', owner);
  EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', routine);
END
$$;
REVOKE EXECUTE ON PROCEDURE set_function_owner FROM PUBLIC;

-- These need no rights of their own: the first reads no table, the second is called by functions only.
ALTER FUNCTION voided_outflow_is_decided_once() SECURITY INVOKER;
ALTER FUNCTION enqueue_payout_details_event(uuid, uuid, text, bytea, timestamptz) SECURITY INVOKER;
GRANT EXECUTE ON FUNCTION enqueue_payout_details_event(uuid, uuid, text, bytea, timestamptz)
  TO swapgate_functions_cabinet;

DO $$
DECLARE
  subject text;
  routine text;
BEGIN
  FOR subject, routine IN VALUES
    ('market', 'catalogue_changed()'),
    ('market', 'order_moved()'),
    ('market', 'orders_opened()'),
    ('market', 'orders_opened_at_fixed_rates()'),
    ('market', 'payout_within_reserve()'),
    ('market', 'unpaid_caps_changed()'),
    ('market', 'unpaid_moved()'),
    ('market', 'unpaid_opened()'),
    ('orders', 'delete_order(uuid)'),
    ('orders', 'emergency_is_chosen_for()'),
    ('orders', 'order_is_locked()'),
    ('orders', 'order_restored()'),
    ('chains', 'excess_is_refunded()'),
    ('chains', 'order_is_unlocked()'),
    ('chains', 'outflow_is_allowed()'),
    ('chains', 'outflow_is_cancelled()'),
    ('chains', 'outflow_is_due()'),
    ('chains', 'outflow_is_kept()'),
    ('chains', 'outflow_is_voided()'),
    ('chains', 'proposal_is_decided_once()'),
    ('chains', 'voided_outflow_is_closed()'),
    ('webhooks', 'enqueue_test_event(uuid, uuid, bytea, timestamptz)'),
    ('webhooks', 'notify_webhook_events()'),
    ('webhooks', 'reset_webhook_circuit_breaker()'),
    ('partners', 'code_changed()'),
    ('partners', 'partner_changed()'),
    ('partners', 'room_for_code()'),
    ('ledger', 'count_orders()'),
    ('ledger', 'end_earnings_period(uuid, uuid, integer, text, numeric, text, timestamptz,'
      'timestamptz, numeric, numeric, uuid[], numeric[], uuid, text, text, bytea)'),
    ('ledger', 'ledger_balances()'),
    ('ledger', 'sum_earnings_of_codes()'),
    ('ledger', 'sum_earnings_of_partners()'),
    ('cabinet', 'cancel_payout_details(uuid, uuid, text, timestamptz, uuid, text, bytea)'),
    ('cabinet', 'request_payout_details(uuid, uuid, text, text, text, text, timestamptz, uuid, text,'
      'bytea)')
  LOOP
    CALL set_function_owner(('public.' || routine)::regprocedure, subject);
  END LOOP;
END
$$;

GRANT SELECT (topic, revision), UPDATE (revision) ON revisions TO swapgate_functions_market;
GRANT SELECT (code_id, part, orders), INSERT (code_id, part, orders), UPDATE (orders)
  ON code_totals TO swapgate_functions_market;
GRANT SELECT (asset, amount, promised), UPDATE (amount, promised)
  ON reserves TO swapgate_functions_market;
GRANT SELECT (daily_cap_usd, fixed_exposure_cap_usd)
  ON operator_settings TO swapgate_functions_market;
GRANT SELECT (day, usd), INSERT (day, usd), UPDATE (usd)
  ON daily_volume TO swapgate_functions_market;
GRANT SELECT (state, rate_type, destination, destination_amount, network_fee, worth_usd, partner_id,
  unsigned, client, client_networks) ON orders TO swapgate_functions_market;
GRANT SELECT (scope, key, usd, orders) ON unpaid_caps TO swapgate_functions_market;
GRANT SELECT (scope, key, budget, usd, orders), INSERT (scope, key, budget, usd, orders),
  UPDATE (usd, orders), DELETE ON unpaid_totals TO swapgate_functions_market;
GRANT EXECUTE ON FUNCTION unpaid_clients, unpaid_scopes TO swapgate_functions_market;

GRANT SELECT (id, state, version, deleted_at), UPDATE (version, updated_at, deleted_at)
  ON orders TO swapgate_functions_orders;
GRANT SELECT (order_id, confirmed_at, dropped) ON deposits TO swapgate_functions_orders;
GRANT SELECT (order_id, kind, raw) ON outflows TO swapgate_functions_orders;

GRANT SELECT (id, state, version), UPDATE (version, state, choice)
  ON orders TO swapgate_functions_chains;
GRANT SELECT (order_id), DELETE ON emergency_choices TO swapgate_functions_chains;
GRANT SELECT (order_id, tx_id, position, amount, late, dropped)
  ON deposits TO swapgate_functions_chains;
GRANT SELECT (code, network) ON assets TO swapgate_functions_chains;
GRANT SELECT (sandbox) ON operator_settings TO swapgate_functions_chains;
GRANT SELECT (id, kind, document, approved_at, closed_at), UPDATE (closed_at),
  INSERT (id, kind, subject, document, usd, needs_second, reason, proposed_by, proposed_at,
    approved_by, approved_at) ON proposals TO swapgate_functions_chains;
GRANT SELECT (day, usd), INSERT (day, usd), UPDATE (usd)
  ON daily_outflow TO swapgate_functions_chains;
GRANT SELECT (only_row, enabled, daily_cap_usd) ON outflow_settings TO swapgate_functions_chains;
GRANT SELECT (order_id) ON outflows TO swapgate_functions_chains;
GRANT INSERT (intention, order_id, kind, network, asset, address, amount, nonce, intended_at,
  cancelled_at) ON cancelled_outflows TO swapgate_functions_chains;
GRANT SELECT (intention, order_id, kind, tx_ids, usd, resend_requested_at, refund_requested_at)
  ON voided_outflows TO swapgate_functions_chains;
GRANT EXECUTE ON FUNCTION due_after_void(uuid) TO swapgate_functions_chains;

GRANT SELECT (id, webhook_url) ON partners TO swapgate_functions_webhooks;
GRANT INSERT (id, partner_id, position, type, dedup_key, body, due_at, created_at)
  ON webhook_events TO swapgate_functions_webhooks;
GRANT SELECT, UPDATE ON SEQUENCE webhook_events_notified_ms TO swapgate_functions_webhooks;
GRANT SELECT (partner_id), DELETE ON webhook_circuit_breakers TO swapgate_functions_webhooks;

GRANT SELECT (topic, revision), UPDATE (revision) ON revisions TO swapgate_functions_partners;
GRANT SELECT (id, max_codes), UPDATE (revision) ON partners TO swapgate_functions_partners;
GRANT SELECT (partner_id) ON codes TO swapgate_functions_partners;

-- Locking a row requires the right to update one of its columns: the revision changes nothing else.
GRANT SELECT (id, webhook_url, webhook_events), UPDATE (revision)
  ON partners TO swapgate_functions_ledger, swapgate_functions_cabinet;
GRANT INSERT (id, partner_id, position, type, dedup_key, body, due_at, created_at)
  ON webhook_events TO swapgate_functions_ledger, swapgate_functions_cabinet;
GRANT EXECUTE ON FUNCTION enqueue_webhook_event
  TO swapgate_functions_ledger, swapgate_functions_cabinet;

GRANT SELECT (id, partner_id, created_at) ON orders TO swapgate_functions_ledger;
GRANT SELECT (up_to), UPDATE (up_to) ON counted_orders TO swapgate_functions_ledger;
GRANT SELECT (transaction_id, currency, amount),
  INSERT (transaction_id, position, account, partner_id, amount, created_at)
  ON ledger_postings TO swapgate_functions_ledger;
GRANT SELECT (partner_id, reference),
  INSERT (id, partner_id, number, ended_by, amount_usd, reference, period_start, period_end,
    total_markup_usd, total_base_fee_share_usd, event_id)
  ON earnings_periods TO swapgate_functions_ledger;
GRANT INSERT (period_id, code_id, total_markup_usd)
  ON earnings_period_codes TO swapgate_functions_ledger;
GRANT SELECT (code_id, part, volume_usd, earnings_usd),
  INSERT (code_id, part, volume_usd, earnings_usd), UPDATE (volume_usd, earnings_usd)
  ON code_totals TO swapgate_functions_ledger;
GRANT SELECT (partner_id, part, volume_usd, markup_usd, base_fee_share_usd, paid_usd, reset_usd),
  INSERT (partner_id, part, volume_usd, markup_usd, base_fee_share_usd, paid_usd, reset_usd),
  UPDATE (volume_usd, markup_usd, base_fee_share_usd, paid_usd, reset_usd)
  ON partner_totals TO swapgate_functions_ledger;
GRANT SELECT (partner_id, day, part, orders, completed, volume_usd, markup_usd, base_fee_share_usd),
  INSERT (partner_id, day, part, orders, completed, volume_usd, markup_usd, base_fee_share_usd),
  UPDATE (orders, completed, volume_usd, markup_usd, base_fee_share_usd)
  ON partner_days TO swapgate_functions_ledger;

GRANT SELECT (id, partner_id, effective_at, canceled_at), UPDATE (canceled_at, canceled_by),
  INSERT (id, partner_id, asset, address, tag, requested_by, requested_at, effective_at)
  ON payout_details TO swapgate_functions_cabinet;
