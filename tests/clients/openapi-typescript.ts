// Types from openapi-typescript, calls by openapi-fetch: quotes, orders, a list, statuses and a code.
import createClient from "openapi-fetch";
import { randomUUID } from "node:crypto";
import type { components, paths } from "./generated/openapi-typescript";
import { report, setting, swap, toAndBack } from "./scenario";
import { signedFetch } from "./signing";

type CreateOrderIn = components["schemas"]["CreateOrderIn"];
type CreateQuotedOrderIn = components["schemas"]["CreateQuotedOrderIn"];

async function main(): Promise<void> {
  const client = createClient<paths>({
    baseUrl: `${setting("BASE_URL")}/v1`,
    fetch: signedFetch(setting("API_KEY"), setting("API_SECRET")),
  });
  const quote = await client.POST("/quote", { body: { ...swap, region: "DE" } });
  if (!quote.data?.data.quoteId) throw new Error("no quote");
  const { quoteId } = quote.data.data;
  const ofQuote: CreateQuotedOrderIn = { quoteId, ...toAndBack };
  const params = { header: { "Idempotency-Key": randomUUID() } };
  const quoted = await client.POST("/create", { body: ofQuote, params });
  const again = await client.POST("/create", { body: ofQuote });
  const priced: CreateOrderIn = { ...swap, ...toAndBack, externalId: "generated" };
  const plain = await client.POST("/create", { body: priced });
  if (!quoted.data || !plain.data || !again.error) throw new Error("orders were not opened once");
  const ids = [quoted.data.data.id, plain.data.data.id];

  const listed: string[] = [];
  let cursor: string | null = null;
  do {
    const page: { data?: { data: components["schemas"]["OrdersOut"] } } = await client.POST(
      "/orders", { body: { limit: 1, cursor } },
    );
    if (!page.data) throw new Error("no list");
    listed.push(...page.data.data.orders.map((order) => order.id));
    cursor = page.data.data.cursor;
  } while (cursor !== null);
  const statuses = await client.POST("/orders/status", { body: { ids } });
  const code = await client.POST("/codes", { body: { code: setting("CODE") } });
  const codes = await client.GET("/codes");
  if (!statuses.data || !code.data || !codes.data) throw new Error("a call failed");
  report({
    quotedAmount: quote.data.data.to.amount,
    orderedAmount: quoted.data.data.to.amount,
    usedTwice: again.error.code,
    ids,
    externalId: plain.data.data.externalId,
    listed,
    statuses: statuses.data.data.map(({ id, status }) => [id, status]),
    codes: codes.data.data.map((one) => one.code),
  });
}

void main();
