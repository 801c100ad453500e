// Amounts: native units of the wallet, and decimal strings of the API. Exact, without floats.

/** The decimals of a multiplier such as "1000000". */
function decimalsOf(multiplier: string): number {
  if (!/^10*$/.test(multiplier)) throw new Error(`${multiplier} is not a power of ten`);
  return multiplier.length - 1;
}

function decimalString(units: bigint, decimals: number): string {
  const digits = units.toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  return decimals === 0 ? whole : `${whole}.${digits.slice(digits.length - decimals)}`;
}

/**
 * Return a native amount as the API accepts it: with at most `precision` decimals, and not zero.
 * Wallets may have more decimals (18 for ETH) than the API (8): what is beyond is rounded.
 */
export function toDecimal(
  nativeAmount: string,
  multiplier: string,
  precision: number,
  rounding: "down" | "up",
): string {
  const decimals = decimalsOf(multiplier);
  if (decimals <= precision) return decimalString(BigInt(nativeAmount), decimals);
  const divisor = 10n ** BigInt(decimals - precision);
  const native = BigInt(nativeAmount);
  const exact = native / divisor;
  const units = rounding === "up" && native % divisor !== 0n ? exact + 1n : exact;
  return decimalString(units === 0n ? 1n : units, precision);
}

/** Return a decimal string of the API in native units. */
export function toNative(amount: string, multiplier: string): string {
  const decimals = decimalsOf(multiplier);
  const [whole = "", fraction = ""] = amount.split(".");
  const kept = fraction.slice(0, decimals).padEnd(decimals, "0");
  if (/[1-9]/.test(fraction.slice(decimals))) throw new Error(`${amount} has too many decimals`);
  return BigInt(whole + kept).toString();
}
