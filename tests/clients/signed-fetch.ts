// Signs calls of any generated client with version 2, as docs/authentication.md describes.
import { createHmac, randomBytes } from "node:crypto";

export function signedFetch(key: string, secret: string): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const body = await request.clone().text();
    const nonce = randomBytes(18).toString("base64url");
    const { pathname } = new URL(request.url);
    const signed = ["v2", request.method, pathname, key, nonce, body].join("\n");
    const headers = new Headers(request.headers);
    headers.set("X-API-KEY", key);
    headers.set("X-API-NONCE", nonce);
    headers.set("X-API-SIGN-VERSION", "2");
    headers.set("X-API-SIGN", createHmac("sha256", secret).update(signed).digest("hex"));
    return fetch(new Request(request, { headers }));
  };
}

export function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}
