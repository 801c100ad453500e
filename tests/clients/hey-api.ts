// A client from @hey-api/openapi-ts: a quote, an order, a list and a code.
import { createClient, createConfig } from "./generated/hey-api/client";
import { getCodes, postCodes, postCreate, postOrder, postPrice } from "./generated/hey-api";
import type { CreateOrderIn } from "./generated/hey-api";
import { setting, signedFetch } from "./signed-fetch";

async function main(): Promise<void> {
  const client = createClient(
    createConfig({
      baseUrl: `${setting("BASE_URL")}/v1`,
      fetch: signedFetch(setting("API_KEY"), setting("API_SECRET")),
    }),
  );
  const swap = {
    type: "float", fromCcy: "btc", toCcy: "usdt_trc20", direction: "from", amount: "0.01",
  } as const;
  const quote = await postPrice({ client, body: swap });
  const wanted: CreateOrderIn = {
    ...swap,
    toAddress: "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
    refundAddress: "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
  };
  const opened = await postCreate({ client, body: wanted });
  if (!quote.data || !opened.data?.data.token) throw new Error("no quote or no order");
  const { id, token } = opened.data.data;
  const order = await postOrder({ client, body: { id, token } });
  const code = await postCodes({ client, body: { code: setting("CODE") } });
  const list = await getCodes({ client });
  const rejected = await postPrice({ client, body: { ...swap, amount: "0" } });
  if (!order.data || !code.data || !list.data || !rejected.error) throw new Error("a call failed");
  console.log(
    JSON.stringify({
      paid: quote.data.data.to.amount,
      status: order.data.data.status,
      same: order.data.data.id === id,
      codes: list.data.data.map((one) => one.code),
      failure: rejected.error.code,
    }),
  );
}

void main();
