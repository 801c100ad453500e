-- The chain of each network and the contract of each token, by which requests can name an asset.
-- depends: 0089-passkeys

-- What a network declares (domain/chains/networks/): its name on the wire, and its id of EIP-155.
ALTER TABLE networks ADD COLUMN chain text UNIQUE CHECK (chain ~ '^[a-z0-9]{2,32}$');
ALTER TABLE networks ADD COLUMN chain_id bigint UNIQUE CHECK (chain_id > 0);
UPDATE networks SET chain = lower(replace(name, ' ', ''));
ALTER TABLE networks ALTER COLUMN chain SET NOT NULL;
UPDATE networks n SET chain_id = ids.chain_id
FROM (VALUES
  ('ethereum', 1), ('bnbsmartchain', 56), ('polygon', 137), ('arbitrum', 42161), ('base', 8453),
  ('avalanche', 43114)
) AS ids (chain, chain_id)
WHERE n.chain = ids.chain;

-- The contract, mint or issued currency of a token in its chain's notation; NULL for a chain's coin.
ALTER TABLE assets ADD COLUMN contract text CHECK (length(contract) BETWEEN 1 AND 128);
UPDATE assets a SET contract = contracts.contract
FROM (VALUES
  ('usdt_trc20', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'),
  ('usdt_erc20', '0xdAC17F958D2ee523a2206206994597C13D831ec7'),
  ('usdc_erc20', '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48'),
  ('usdt_bsc', '0x55d398326f99059fF775485246999027B3197955'),
  ('usdt_sol', 'Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB'),
  ('usdt_ton', 'EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs'),
  ('usdt_polygon', '0xc2132D05D31c914a87C6611C10748AEb04B58e8F'),
  ('usdt_arbitrum', '0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9'),
  ('usdc_sol', 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v'),
  ('usdc_base', '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913'),
  ('usdc_polygon', '0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359'),
  ('dai_erc20', '0x6B175474E89094C44Da98b954EedeAC495271d0F')
) AS contracts (code, contract)
WHERE a.code = contracts.code;
