// The swap plug-in: quotes, orders and their status, in the shape of Edge's central swap plug-ins.
import { randomUUID } from "node:crypto";
import { toDecimal, toNative } from "./amounts";
import type { Credentials, Currency, Order, PublicStatus, Quote } from "./api";
import { ApiError, SwapgateApi } from "./api";
import type { AssetReference } from "./chains";
import { assetReference, isNamed, memoType } from "./chains";
import { SwapAddressError, SwapCurrencyError } from "./errors";
import { errorOf, multiplierOf } from "./problems";
import { orderStatus } from "./status";
import type {
  EdgeSwapOptions,
  EdgeSwapPlugin,
  EdgeSwapQuote,
  EdgeSwapRequest,
  EdgeSwapResult,
  Side,
} from "./wallet";
import { sideOf } from "./wallet";

export const PLUGIN_ID = "swapgate";
const SIDES = ["from", "to"] as const;
const CURRENCIES_MS = 5 * 60_000;
const CREATE_ATTEMPTS = 3;

type Assets = Record<Side, AssetReference>;
type RateType = "fixed" | "float";

interface FirmQuote {
  quoteId: string;
  validUntil: number;
  from: string;
  to: string;
  isEstimate: boolean;
}

export function makeSwapgatePlugin(credentials: Credentials): EdgeSwapPlugin {
  const api = new SwapgateApi(credentials);
  let currencies: { at: number; list: Currency[] } = { at: 0, list: [] };

  async function precisionOf(asset: AssetReference): Promise<number | undefined> {
    if (Date.now() - currencies.at > CURRENCIES_MS) {
      currencies = { at: Date.now(), list: await api.unsigned<Currency[]>("/currencies", {}) };
    }
    return currencies.list.find((currency) => isNamed(currency, asset))?.precision;
  }

  /** What the wallet sends is rounded down, what it is to receive is rounded up. */
  async function amountOf(request: EdgeSwapRequest, assets: Assets): Promise<string> {
    const { quoteFor, nativeAmount } = request;
    const precision = await precisionOf(assets[quoteFor]);
    if (precision === undefined) throw new SwapCurrencyError(PLUGIN_ID, [quoteFor]);
    const rounding = quoteFor === "from" ? "down" : "up";
    return toDecimal(nativeAmount, multiplierOf(request, quoteFor), precision, rounding);
  }

  async function quoteAt(
    type: RateType,
    request: EdgeSwapRequest,
    assets: Assets,
    options: EdgeSwapOptions,
  ): Promise<FirmQuote | Quote["problems"]> {
    const { region, ...attributed } = options;
    const amount = await amountOf(request, assets);
    const wanted = { type, ...assets, direction: request.quoteFor, amount, region };
    const quote = await api.signed<Quote>("/quote", wanted, attributed);
    const { quoteId, validUntil, from, to, problems } = quote;
    if (quoteId === null || validUntil === null || from.amount === null || to.amount === null) {
      return problems;
    }
    const isEstimate = type === "float";
    return { quoteId, validUntil, from: from.amount, to: to.amount, isEstimate };
  }

  /** A fixed rate, or a float rate where there is no fixed one. */
  async function quoted(
    request: EdgeSwapRequest,
    assets: Assets,
    options: EdgeSwapOptions,
  ): Promise<FirmQuote> {
    let quote = await quoteAt("fixed", request, assets, options);
    if (Array.isArray(quote) && quote.some(({ type }) => type === "PAIR_UNSUPPORTED")) {
      quote = await quoteAt("float", request, assets, options);
    }
    if (Array.isArray(quote)) throw errorOf(PLUGIN_ID, request, quote);
    return quote;
  }

  async function checkAddress(request: EdgeSwapRequest, assets: Assets, side: Side): Promise<void> {
    const [wallet] = sideOf(request, side);
    const { valid, reason } = await api.unsigned<{ valid: boolean; reason: string | null }>(
      "/address/validate",
      { asset: assets[side], address: wallet.receiveAddress },
    );
    if (!valid) throw new SwapAddressError(PLUGIN_ID, reason ?? "FORMAT", side);
  }

  /** Open the order; after a failure that may pass, again with the same key. */
  async function create(wanted: object, key: string): Promise<Order> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await api.signed<Order>("/create", wanted, { "Idempotency-Key": key });
      } catch (error) {
        if (error instanceof ApiError && !error.isTemporary) throw error;
        if (attempt === CREATE_ATTEMPTS) throw error;
      }
    }
  }

  return {
    swapInfo: { pluginId: PLUGIN_ID, displayName: "Swapgate" },

    async fetchSwapQuote(request, options = {}): Promise<EdgeSwapQuote> {
      const from = assetReference(request.fromWallet, request.fromTokenId);
      const to = assetReference(request.toWallet, request.toTokenId);
      if (from === null || to === null) {
        const sides = SIDES.filter((side) => (side === "from" ? from : to) === null);
        throw new SwapCurrencyError(PLUGIN_ID, sides);
      }
      const assets = { from, to };
      const quote = await quoted(request, assets, options);
      await Promise.all(SIDES.map(async (side) => await checkAddress(request, assets, side)));
      const key = randomUUID();
      return {
        pluginId: PLUGIN_ID,
        request,
        isEstimate: quote.isEstimate,
        fromNativeAmount: toNative(quote.from, multiplierOf(request, "from")),
        toNativeAmount: toNative(quote.to, multiplierOf(request, "to")),
        expirationDate: new Date(quote.validUntil * 1000),
        async approve(): Promise<EdgeSwapResult> {
          const order = await create(
            {
              quoteId: quote.quoteId,
              toAddress: request.toWallet.receiveAddress,
              refundAddress: request.fromWallet.receiveAddress,
            },
            key,
          );
          return resultOf(request, order);
        },
      };
    },

    async fetchOrderStatus(orderId) {
      return orderStatus(await api.unsigned<PublicStatus>(`/status/${orderId}`));
    },
  };
}

/** What the wallet signs and stores for an order. */
function resultOf(request: EdgeSwapRequest, order: Order): EdgeSwapResult {
  const { fromWallet, toWallet, fromTokenId, toTokenId } = request;
  const { address, tag, chain } = order.from;
  const fromNative = toNative(order.from.amount, multiplierOf(request, "from"));
  const toNativeAmount = toNative(order.to.amount, multiplierOf(request, "to"));
  return {
    orderId: order.id,
    destinationAddress: address,
    spendInfo: {
      tokenId: fromTokenId,
      spendTargets: [{ nativeAmount: fromNative, publicAddress: address }],
      memos: tag === null ? [] : [{ type: memoType(chain), value: tag }],
      savedAction: {
        actionType: "swap",
        orderId: order.id,
        orderUri: order.statusUrl,
        isEstimate: order.type !== "fixed",
        fromAsset: {
          pluginId: fromWallet.currencyInfo.pluginId,
          tokenId: fromTokenId,
          nativeAmount: fromNative,
        },
        toAsset: { pluginId: toWallet.currencyInfo.pluginId, tokenId: toTokenId, nativeAmount: toNativeAmount },
        payoutAddress: order.to.address,
        payoutWalletId: toWallet.id,
        refundAddress: order.back.address,
      },
    },
  };
}
