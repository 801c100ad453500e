// A client from @hey-api/openapi-ts: quotes, orders, a list, statuses and a code.
import { randomUUID } from "node:crypto";
import { createClient, createConfig } from "./generated/hey-api/client";
import {
  getCodes, postCodes, postCreate, postOrders, postOrdersStatus, postQuote,
} from "./generated/hey-api";
import type { CreateOrderIn, CreateQuotedOrderIn, OrdersOut } from "./generated/hey-api";
import { report, setting, swap, toAndBack } from "./scenario";
import { signedFetch } from "./signing";

async function main(): Promise<void> {
  const client = createClient(
    createConfig({
      baseUrl: `${setting("BASE_URL")}/v1`,
      fetch: signedFetch(setting("API_KEY"), setting("API_SECRET")),
    }),
  );
  const quote = await postQuote({ client, body: { ...swap, region: "DE" } });
  if (!quote.data?.data.quoteId) throw new Error("no quote");
  const { quoteId } = quote.data.data;
  const ofQuote: CreateQuotedOrderIn = { quoteId, ...toAndBack };
  const headers = { "Idempotency-Key": randomUUID() };
  const quoted = await postCreate({ client, body: ofQuote, headers });
  const again = await postCreate({ client, body: ofQuote });
  const priced: CreateOrderIn = { ...swap, ...toAndBack, externalId: "generated" };
  const plain = await postCreate({ client, body: priced });
  if (!quoted.data || !plain.data || !again.error) throw new Error("orders were not opened once");
  const ids = [quoted.data.data.id, plain.data.data.id];

  const listed: string[] = [];
  let cursor: OrdersOut["cursor"] = null;
  do {
    const { data }: { data?: { data: OrdersOut } } = await postOrders({
      client, body: { limit: 1, cursor },
    });
    if (!data) throw new Error("no list");
    listed.push(...data.data.orders.map((order) => order.id));
    cursor = data.data.cursor;
  } while (cursor !== null);
  const statuses = await postOrdersStatus({ client, body: { ids } });
  const code = await postCodes({ client, body: { code: setting("CODE") } });
  const codes = await getCodes({ client });
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
