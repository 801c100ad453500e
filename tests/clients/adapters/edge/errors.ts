// Why a quote fails, one class for each reaction of the wallet.
import type { Side } from "./wallet";

export class SwapError extends Error {
  constructor(
    override readonly name: string,
    readonly pluginId: string,
    message: string,
  ) {
    super(message);
  }
}

/** The amount is too small; the least one is `nativeMin`, in native units of the side `direction`. */
export class SwapBelowLimitError extends SwapError {
  constructor(
    pluginId: string,
    readonly nativeMin: string,
    readonly direction: Side,
  ) {
    super("SwapBelowLimitError", pluginId, `the least amount is ${nativeMin}`);
  }
}

/** The amount is too large; the greatest one is `nativeMax`. */
export class SwapAboveLimitError extends SwapError {
  constructor(
    pluginId: string,
    readonly nativeMax: string,
    readonly direction: Side,
  ) {
    super("SwapAboveLimitError", pluginId, `the greatest amount is ${nativeMax}`);
  }
}

/** The assets cannot be swapped; `sides` are those to blame, none if it is their combination. */
export class SwapCurrencyError extends SwapError {
  constructor(
    pluginId: string,
    readonly sides: Side[],
  ) {
    super("SwapCurrencyError", pluginId, `not supported: ${sides.join(" and ") || "the pair"}`);
  }
}

export class SwapPermissionError extends SwapError {
  constructor(
    pluginId: string,
    readonly reason: "geoRestriction",
  ) {
    super("SwapPermissionError", pluginId, reason);
  }
}

/** An address of one of the wallets cannot be used. */
export class SwapAddressError extends SwapError {
  constructor(
    pluginId: string,
    readonly reason: string,
    readonly side: Side,
  ) {
    super("SwapAddressError", pluginId, `the address of ${side} is rejected: ${reason}`);
  }
}
