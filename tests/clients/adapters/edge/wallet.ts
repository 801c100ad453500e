// What a wallet of Edge's shape gives to a swap plug-in: requests, wallets, tokens.

/** Null is the chain's own coin. */
export type EdgeTokenId = string | null;
export type Side = "from" | "to";

export interface EdgeToken {
  currencyCode: string;
  /** Native units in one coin: a power of ten. */
  multiplier: string;
  contractAddress: string;
}

export interface EdgeCurrencyWallet {
  id: string;
  currencyInfo: {
    pluginId: string;
    currencyCode: string;
    multiplier: string;
    evmChainId?: number;
  };
  allTokens: Record<string, EdgeToken>;
  receiveAddress: string;
}

/** `nativeAmount` is in native units of the side that `quoteFor` names. */
export interface EdgeSwapRequest {
  fromWallet: EdgeCurrencyWallet;
  toWallet: EdgeCurrencyWallet;
  fromTokenId: EdgeTokenId;
  toTokenId: EdgeTokenId;
  nativeAmount: string;
  quoteFor: Side;
}

export interface EdgeSwapOptions {
  /** A reference code of the partner. */
  promoCode?: string;
  /** ISO 3166-1 alpha-2. */
  region?: string;
}

export interface EdgeMemo {
  type: "text" | "number";
  value: string;
}

export interface EdgeSpendInfo {
  tokenId: EdgeTokenId;
  spendTargets: { nativeAmount: string; publicAddress: string }[];
  memos: EdgeMemo[];
  savedAction: {
    actionType: "swap";
    orderId: string;
    orderUri: string | null;
    isEstimate: boolean;
    fromAsset: { pluginId: string; tokenId: EdgeTokenId; nativeAmount: string };
    toAsset: { pluginId: string; tokenId: EdgeTokenId; nativeAmount: string };
    payoutAddress: string;
    payoutWalletId: string;
    refundAddress: string;
  };
}

export interface EdgeSwapResult {
  orderId: string;
  destinationAddress: string;
  spendInfo: EdgeSpendInfo;
}

export interface EdgeSwapQuote {
  pluginId: string;
  request: EdgeSwapRequest;
  isEstimate: boolean;
  fromNativeAmount: string;
  toNativeAmount: string;
  expirationDate: Date;
  /** Open the order. Repeated, it returns the same order. */
  approve(): Promise<EdgeSwapResult>;
}

export type EdgeOrderStatus =
  | "pending"
  | "processing"
  | "infoNeeded"
  | "expired"
  | "refunded"
  | "completed";

export interface EdgeSwapPlugin {
  swapInfo: { pluginId: string; displayName: string };
  fetchSwapQuote(request: EdgeSwapRequest, options?: EdgeSwapOptions): Promise<EdgeSwapQuote>;
  fetchOrderStatus(orderId: string): Promise<EdgeOrderStatus>;
}

/** Return the wallet and the token of one side of a request. */
export function sideOf(request: EdgeSwapRequest, side: Side): [EdgeCurrencyWallet, EdgeTokenId] {
  return side === "from"
    ? [request.fromWallet, request.fromTokenId]
    : [request.toWallet, request.toTokenId];
}

/** Return a token that the wallet knows, or null for the chain's own coin. */
export function tokenOf(wallet: EdgeCurrencyWallet, tokenId: EdgeTokenId): EdgeToken | null {
  if (tokenId === null) return null;
  const token = wallet.allTokens[tokenId];
  if (token === undefined) throw new Error(`${wallet.currencyInfo.pluginId} has no ${tokenId}`);
  return token;
}
