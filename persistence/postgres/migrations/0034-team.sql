-- Owners invite, change and remove their colleagues in the cabinet.
-- depends: 0033-keys

GRANT INSERT (id, partner_id, email, password_hash, one_time, updated_at, role), DELETE, UPDATE (role)
  ON partner_users TO swapgate_gateway;
