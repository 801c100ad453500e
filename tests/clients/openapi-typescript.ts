// Types from openapi-typescript, calls by openapi-fetch: a quote, an order, a list and a code.
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/openapi-typescript";
import { setting, signedFetch } from "./signed-fetch";

type CreateOrder = components["schemas"]["CreateOrderIn"];

async function main(): Promise<void> {
  const client = createClient<paths>({
    baseUrl: `${setting("BASE_URL")}/v1`,
    fetch: signedFetch(setting("API_KEY"), setting("API_SECRET")),
  });
  const swap = {
    type: "float", fromCcy: "btc", toCcy: "usdt_trc20", direction: "from", amount: "0.01",
  } as const;
  const quote = await client.POST("/price", { body: swap });
  const wanted: CreateOrder = {
    ...swap,
    toAddress: "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
    refundAddress: "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
  };
  const opened = await client.POST("/create", { body: wanted });
  if (!quote.data || !opened.data?.data.token) throw new Error("no quote or no order");
  const { id, token } = opened.data.data;
  const order = await client.POST("/order", { body: { id, token } });
  const code = await client.POST("/codes", { body: { code: setting("CODE") } });
  const list = await client.GET("/codes");
  const rejected = await client.POST("/price", { body: { ...swap, amount: "0" } });
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
