-- The free pay-in addresses in the order they are given out, found by no index but this one: with
-- the primary key a planner that thinks most are free reads all that were taken before.
-- depends: 0031-members

CREATE INDEX pay_in_addresses_next ON pay_in_addresses (network, (id + 0)) WHERE order_id IS NULL;
DROP INDEX pay_in_addresses_free;
