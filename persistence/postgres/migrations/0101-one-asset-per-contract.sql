-- A reference by chain and contract names one asset: a chain's coin, or a token by its contract.
-- An installation with tokens of its own sets their contracts first (assets.contract).
-- depends: 0100-asset-contracts

CREATE UNIQUE INDEX assets_by_contract ON assets (network, coalesce(contract, ''));
