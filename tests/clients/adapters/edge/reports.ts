// The reporting import: all orders changed since the last run, in the shape of Edge's reports.
import type { Credentials, Currency, Order } from "./api";
import { ApiError, SwapgateApi } from "./api";
import { pluginIdOf, tokenIdOf } from "./chains";
import type { ReportStatus } from "./status";
import { reportStatus } from "./status";
import { PLUGIN_ID } from "./swap";
import type { EdgeTokenId } from "./wallet";

/** A run begins this much before the one before it began: see docs/orders.md, Keeping a copy. */
const OVERLAP_MS = 60_000;
const START = "2018-01-01T00:00:00.000Z";
const MAX_ATTEMPTS = 5;
const PAGE = 100;

export interface StandardTx {
  orderId: string;
  status: ReportStatus;
  countryCode: null;
  direction: null;
  exchangeType: "swap";
  paymentType: null;
  depositTxid: string | undefined;
  depositAddress: string;
  depositCurrency: string;
  depositChainPluginId: string | undefined;
  depositEvmChainId: number | undefined;
  depositTokenId: EdgeTokenId;
  depositAmount: number;
  payoutTxid: string | undefined;
  payoutAddress: string;
  payoutCurrency: string;
  payoutChainPluginId: string | undefined;
  payoutEvmChainId: number | undefined;
  payoutTokenId: EdgeTokenId;
  payoutAmount: number;
  timestamp: number;
  isoDate: string;
  usdValue: number;
  rawTx: unknown;
}

export interface PluginParams {
  settings: { latestIsoDate?: string };
  apiKeys: Credentials;
}

export interface PluginResult {
  settings: { latestIsoDate: string };
  transactions: StandardTx[];
}

/** Which orders, by one of their times; both ends are ISO dates, the second is not included. */
export type DateWindow =
  | { updatedFrom: string; updatedTo?: string }
  | { createdFrom: string; createdTo: string };

export type CoinByCode = ReadonlyMap<string, string>;

/** Read all pages of a window; the last version of an order that changes meanwhile. */
export async function ordersOf(
  credentials: Credentials,
  window: DateWindow,
  limit = PAGE,
): Promise<Order[]> {
  const api = new SwapgateApi(credentials);
  const orders = new Map<string, Order>();
  let cursor: string | null = null;
  do {
    const request: object = { ...window, limit, cursor };
    const page: { orders: Order[]; cursor: string | null } = await patiently(
      async () => await api.signed("/orders", request),
    );
    for (const order of page.orders) orders.set(order.id, order);
    cursor = page.cursor;
  } while (cursor !== null);
  return [...orders.values()];
}

/** Repeat a call that fails for a reason that may pass. */
async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (error instanceof ApiError && !error.isTemporary) throw error;
      if (attempt === MAX_ATTEMPTS) throw error;
      const named = error instanceof ApiError ? error.retryAfter : null;
      const seconds = named ?? 2 ** (attempt - 1);
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  }
}

async function coinsOf(credentials: Credentials): Promise<CoinByCode> {
  const currencies = await new SwapgateApi(credentials).unsigned<Currency[]>("/currencies", {});
  return new Map(currencies.map(({ code, coin }) => [code, coin]));
}

/** Import what changed since the last run began; `latestIsoDate` is when this one began. */
export async function querySwapgate(
  { settings, apiKeys }: PluginParams,
  limit = PAGE,
): Promise<PluginResult> {
  const began = new Date();
  const last = new Date(settings.latestIsoDate ?? START);
  const updatedFrom = new Date(last.getTime() - OVERLAP_MS).toISOString();
  const coins = await coinsOf(apiKeys);
  const orders = await ordersOf(apiKeys, { updatedFrom }, limit);
  return {
    settings: { latestIsoDate: began.toISOString() },
    transactions: orders.map((order) => processSwapgateTx(order, coins)),
  };
}

/** The orders created in a period, whatever became of them: for a report or to fill a gap. */
export async function querySwapgatePeriod(
  { apiKeys }: PluginParams,
  startDate: string,
  endDate: string,
  limit = PAGE,
): Promise<StandardTx[]> {
  const coins = await coinsOf(apiKeys);
  const window = { createdFrom: startDate, createdTo: endDate };
  const orders = await ordersOf(apiKeys, window, limit);
  return orders.map((order) => processSwapgateTx(order, coins));
}

/** An asset that is not listed at present has the coin that its code begins with. */
function coinOf(code: string, coins: CoinByCode): string {
  return coins.get(code) ?? (code.split("_")[0] ?? code).toUpperCase();
}

export function processSwapgateTx(order: Order, coins: CoinByCode): StandardTx {
  const { from, to, time } = order;
  return {
    orderId: order.id,
    status: reportStatus(order),
    countryCode: null,
    direction: null,
    exchangeType: "swap",
    paymentType: null,
    depositTxid: from.tx.id ?? undefined,
    depositAddress: from.address,
    depositCurrency: coinOf(from.code, coins),
    depositChainPluginId: pluginIdOf(from.chain),
    depositEvmChainId: from.chainId ?? undefined,
    depositTokenId: tokenIdOf(from),
    depositAmount: Number(from.tx.amount ?? from.amount),
    payoutTxid: to.tx.id ?? undefined,
    payoutAddress: to.address,
    payoutCurrency: coinOf(to.code, coins),
    payoutChainPluginId: pluginIdOf(to.chain),
    payoutEvmChainId: to.chainId ?? undefined,
    payoutTokenId: tokenIdOf(to),
    payoutAmount: Number(to.tx.amount ?? to.amount),
    timestamp: time.reg,
    isoDate: new Date(time.reg * 1000).toISOString(),
    usdValue: -1,
    rawTx: order,
  };
}

export const swapgate = {
  queryFunc: querySwapgate,
  pluginName: "Swapgate",
  pluginId: PLUGIN_ID,
};
