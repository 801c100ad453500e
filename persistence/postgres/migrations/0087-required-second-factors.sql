-- Owners may require a second factor of their whole team.
-- depends: 0074-signature-v2

ALTER TABLE partners ADD COLUMN second_factor_required boolean NOT NULL DEFAULT false;
GRANT UPDATE (second_factor_required) ON partners TO swapgate_gateway;
