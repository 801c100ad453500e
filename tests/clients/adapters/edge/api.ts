// Signed and unsigned calls of the API, and the parts of its responses that the plug-ins read.
import { createHmac, randomBytes } from "node:crypto";
import type { AssetFields } from "./chains";

export interface Credentials {
  baseUrl: string;
  apiKey: string;
  apiSecret: string;
}

export interface Currency extends AssetFields {
  coin: string;
  precision: number;
}

export interface Problem {
  type: string;
  side?: "from" | "to";
  fromLimit?: string;
  toLimit?: string;
}

export interface Quote {
  quoteId: string | null;
  validUntil: number | null;
  from: { amount: string | null };
  to: { amount: string | null };
  problems: Problem[];
}

interface OrderSide extends AssetFields {
  amount: string;
  address: string;
  tag: string | null;
  tx: { id: string | null; amount: string | null };
}

export interface Order {
  id: string;
  type: string;
  status: string;
  outcome: string | null;
  time: { reg: number; expiration: number; update: number; finish: number | null };
  from: OrderSide;
  to: OrderSide;
  back: { address: string; tx: { id: string | null } };
  statusUrl: string | null;
}

export interface PublicStatus {
  id: string;
  status: string;
  outcome: string | null;
}

/** A response with a code other than 0. */
export class ApiError extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly status: number,
    /** Seconds to wait before a retry; null if the response names none. */
    readonly retryAfter: number | null,
  ) {
    super(`${code} ${message}`);
  }

  /** 5xx and a used-up budget pass; everything else is the caller's to correct. */
  get isTemporary(): boolean {
    return this.status >= 500 || this.status === 429;
  }
}

async function dataOf<T>(response: Response): Promise<T> {
  const { code, msg, data } = (await response.json()) as { code: number; msg: string; data: T };
  if (code === 0) return data;
  const wait = response.headers.get("Retry-After");
  throw new ApiError(code, msg, response.status, wait === null ? null : Number(wait));
}

export class SwapgateApi {
  constructor(private readonly credentials: Credentials) {}

  /** Make a signed call; `promoCode` attributes it to a reference code. */
  async signed<T>(
    path: string,
    request: object,
    { promoCode, ...headers }: { promoCode?: string; "Idempotency-Key"?: string } = {},
  ): Promise<T> {
    const { baseUrl, apiKey, apiSecret } = this.credentials;
    const body = JSON.stringify(request);
    const key = promoCode === undefined ? apiKey : `${apiKey}.${promoCode}`;
    const nonce = randomBytes(18).toString("base64url");
    const url = new URL(`${baseUrl}/v1${path}`);
    const signed = ["v2", "POST", url.pathname, key, nonce, body].join("\n");
    const response = await fetch(url, {
      method: "POST",
      body,
      headers: {
        "Content-Type": "application/json",
        "X-API-KEY": key,
        "X-API-NONCE": nonce,
        "X-API-SIGN-VERSION": "2",
        "X-API-SIGN": createHmac("sha256", apiSecret).update(signed).digest("hex"),
        ...headers,
      },
    });
    return await dataOf<T>(response);
  }

  /** Make an unsigned call: a GET without a request. */
  async unsigned<T>(path: string, request?: object): Promise<T> {
    const url = `${this.credentials.baseUrl}/v1${path}`;
    if (request === undefined) return await dataOf<T>(await fetch(url));
    const body = JSON.stringify(request);
    const headers = { "Content-Type": "application/json" };
    return await dataOf<T>(await fetch(url, { method: "POST", body, headers }));
  }
}
