// The names of chains: Edge's plug-in ids, and those of the API (docs/wallets.md).
import type { EdgeCurrencyWallet, EdgeTokenId } from "./wallet";
import { tokenOf } from "./wallet";

/** How a request names an asset. */
export interface AssetReference {
  chain: string;
  chainId?: number;
  contract: string | null;
}

/** How a response names an asset. */
export interface AssetFields {
  code: string;
  chain: string;
  chainId: number | null;
  contract: string | null;
}

const CHAIN_BY_PLUGIN_ID: ReadonlyMap<string, string> = new Map([
  ["arbitrum", "arbitrum"],
  ["avalanche", "avalanche"],
  ["base", "base"],
  ["binancesmartchain", "bnbsmartchain"],
  ["bitcoin", "bitcoin"],
  ["bitcoincash", "bitcoincash"],
  ["cardano", "cardano"],
  ["cosmoshub", "cosmos"],
  ["dash", "dash"],
  ["dogecoin", "dogecoin"],
  ["ethereum", "ethereum"],
  ["litecoin", "litecoin"],
  ["monero", "monero"],
  ["polygon", "polygon"],
  ["ripple", "xrpledger"],
  ["solana", "solana"],
  ["stellar", "stellar"],
  ["ton", "ton"],
  ["tron", "tron"],
  ["zcash", "zcash"],
]);

const PLUGIN_ID_BY_CHAIN = new Map(
  [...CHAIN_BY_PLUGIN_ID].map(([pluginId, chain]) => [chain, pluginId]),
);

/** Chains whose memo is a number; the memos of all others are text. */
const NUMERIC_MEMOS = new Set(["xrpledger"]);

/** Return how the API names an asset of a wallet; null for a chain that it does not have. */
export function assetReference(
  wallet: EdgeCurrencyWallet,
  tokenId: EdgeTokenId,
): AssetReference | null {
  const { pluginId, evmChainId } = wallet.currencyInfo;
  const contract = tokenOf(wallet, tokenId)?.contractAddress ?? null;
  if (evmChainId !== undefined) return { chain: "evmGeneric", chainId: evmChainId, contract };
  const chain = CHAIN_BY_PLUGIN_ID.get(pluginId);
  return chain === undefined ? null : { chain, contract };
}

export function pluginIdOf(chain: string): string | undefined {
  return PLUGIN_ID_BY_CHAIN.get(chain);
}

/** Return Edge's id of a token: on EVM chains the contract in lower case, without 0x. */
export function tokenIdOf({ chainId, contract }: AssetFields): EdgeTokenId {
  if (contract === null || chainId === null) return contract;
  return contract.toLowerCase().replace(/^0x/, "");
}

export function memoType(chain: string): "text" | "number" {
  return NUMERIC_MEMOS.has(chain) ? "number" : "text";
}

/** Tell whether a reference names this asset. */
export function isNamed(asset: AssetFields, reference: AssetReference): boolean {
  if (reference.chainId !== undefined) {
    return (
      asset.chainId === reference.chainId &&
      asset.contract?.toLowerCase() === reference.contract?.toLowerCase()
    );
  }
  return asset.chain === reference.chain && asset.contract === reference.contract;
}
