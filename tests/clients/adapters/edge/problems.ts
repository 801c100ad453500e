// The problems of a quote, as the error of the highest priority.
import type { Problem } from "./api";
import { toNative } from "./amounts";
import {
  SwapAboveLimitError,
  SwapBelowLimitError,
  SwapCurrencyError,
  SwapPermissionError,
} from "./errors";
import type { EdgeSwapRequest, Side } from "./wallet";
import { sideOf, tokenOf } from "./wallet";

const OF_AN_ASSET = new Set(["ASSET_UNSUPPORTED", "RECEIVE_DISABLED", "SEND_DISABLED"]);

/** The multiplier of an asset of a request: native units in one coin. */
export function multiplierOf(request: EdgeSwapRequest, side: Side): string {
  const [wallet, tokenId] = sideOf(request, side);
  return (tokenOf(wallet, tokenId) ?? wallet.currencyInfo).multiplier;
}

function nativeLimit(request: EdgeSwapRequest, problem: Problem): string {
  const { quoteFor } = request;
  const limit = quoteFor === "from" ? problem.fromLimit : problem.toLimit;
  if (limit === undefined) throw new Error(`${problem.type} has no limit`);
  return toNative(limit, multiplierOf(request, quoteFor));
}

/** Return what the user has to know first: the region, then the assets, then the amount. */
export function errorOf(pluginId: string, request: EdgeSwapRequest, problems: Problem[]): Error {
  const find = (type: string) => problems.find((problem) => problem.type === type);
  if (find("REGION_RESTRICTED")) return new SwapPermissionError(pluginId, "geoRestriction");
  const unsupported = problems.filter((problem) => OF_AN_ASSET.has(problem.type));
  if (unsupported.length > 0) {
    const sides = unsupported.flatMap(({ side }) => (side === undefined ? [] : [side]));
    return new SwapCurrencyError(pluginId, [...new Set(sides)]);
  }
  if (find("PAIR_UNSUPPORTED")) return new SwapCurrencyError(pluginId, []);
  const below = find("LIMIT_MIN");
  if (below !== undefined) {
    return new SwapBelowLimitError(pluginId, nativeLimit(request, below), request.quoteFor);
  }
  const above = find("LIMIT_MAX");
  if (above !== undefined) {
    return new SwapAboveLimitError(pluginId, nativeLimit(request, above), request.quoteFor);
  }
  return new Error(`${pluginId}: ${problems.map(({ type }) => type).join(", ") || "no quote"}`);
}
