// What both TypeScript clients do: the swap, its addresses, and the report that the test reads.
export const swap = {
  type: "float", fromCcy: "btc", toCcy: "usdt_trc20", direction: "from", amount: "0.01",
} as const;

export const toAndBack = {
  toAddress: "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
  refundAddress: "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
} as const;

export interface Report {
  quotedAmount: string | null;
  orderedAmount: string;
  usedTwice: number;
  ids: string[];
  externalId: string | null;
  listed: string[];
  statuses: string[][];
  codes: string[];
}

export function report(result: Report): void {
  console.log(JSON.stringify(result));
}

export function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}
