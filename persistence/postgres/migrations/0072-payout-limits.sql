-- The least payment of each network's coin that every address accepts, and reserves that are set while
-- orders open.
-- depends: 0071-followed-unclaimed-deposits

-- The coin in which a network's fees are paid. Its dust limit is that of this coin, not of tokens.
ALTER TABLE networks ADD COLUMN coin text;
UPDATE networks n SET coin = coins.coin
FROM (VALUES
  ('Arbitrum', 'ETH'), ('Avalanche', 'AVAX'), ('BNB Smart Chain', 'BNB'), ('Base', 'ETH'),
  ('Bitcoin', 'BTC'), ('Bitcoin Cash', 'BCH'), ('Cardano', 'ADA'), ('Cosmos', 'ATOM'),
  ('Dash', 'DASH'), ('Dogecoin', 'DOGE'), ('Ethereum', 'ETH'), ('Litecoin', 'LTC'),
  ('Monero', 'XMR'), ('Polygon', 'POL'), ('Solana', 'SOL'), ('Stellar', 'XLM'), ('TON', 'TON'),
  ('Tron', 'TRX'), ('XRP Ledger', 'XRP'), ('Zcash', 'ZEC')
) AS coins (name, coin) WHERE n.name = coins.name;
ALTER TABLE networks ALTER COLUMN coin SET NOT NULL;

-- What creates the account of an address that has none, and the least output of Cardano. Sources are
-- in domain/chains/networks.
UPDATE networks n SET dust_limit = limits.dust_limit
FROM (VALUES
  ('Cardano', 1.21542),
  ('Solana', 0.00089088),
  ('Stellar', 1),
  ('XRP Ledger', 1)
) AS limits (name, dust_limit) WHERE n.name = limits.name;

-- Promises are counted again, in case orders were opened while the asset had no reserve. The lock
-- waits for statements that change promises, and the sum is read after it: an order that opened at
-- the same moment was lost. Open orders are read through their two partial indexes, never by scanning
-- all orders.
CREATE FUNCTION set_reserve(wanted text, new_amount numeric) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  LOCK TABLE public.reserves IN SHARE ROW EXCLUSIVE MODE;
  INSERT INTO public.reserves (asset, amount, promised)
  SELECT a.code, new_amount, (
    SELECT coalesce(sum(o.promise), 0) FROM (
      SELECT destination_amount + network_fee AS promise FROM public.orders
      WHERE destination = a.code AND state = 'awaiting_deposit'
      UNION ALL
      SELECT destination_amount + network_fee FROM public.orders
      WHERE destination = a.code AND state IN ('confirming', 'paying_out', 'held', 'refunding')
    ) AS o)
  FROM public.assets a WHERE a.code = wanted
  ON CONFLICT (asset) DO UPDATE SET amount = EXCLUDED.amount, promised = EXCLUDED.promised;
  RETURN FOUND;
END
$$;
REVOKE EXECUTE ON FUNCTION set_reserve(text, numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_reserve(text, numeric) TO swapgate_admin;
