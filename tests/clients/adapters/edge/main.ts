// Runs one command from standard input, {"do": ..., ...}, and prints its result or its error as JSON.
import { text } from "node:stream/consumers";
import type { Credentials } from "./api";
import { querySwapgate, querySwapgatePeriod } from "./reports";
import { makeSwapgatePlugin } from "./swap";
import type { EdgeSwapOptions, EdgeSwapRequest } from "./wallet";

type Command =
  | { do: "quote"; request: EdgeSwapRequest; options?: EdgeSwapOptions; approve?: number }
  | { do: "status"; orderId: string }
  | { do: "import"; settings: { latestIsoDate?: string }; limit?: number }
  | { do: "period"; startDate: string; endDate: string; limit?: number };

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

async function result(command: Command): Promise<unknown> {
  const credentials: Credentials = {
    baseUrl: setting("BASE_URL"),
    apiKey: setting("API_KEY"),
    apiSecret: setting("API_SECRET"),
  };
  const plugin = makeSwapgatePlugin(credentials);
  switch (command.do) {
    case "quote": {
      const quote = await plugin.fetchSwapQuote(command.request, command.options);
      const orders = [];
      for (let count = 0; count < (command.approve ?? 0); count++) {
        orders.push(await quote.approve());
      }
      return { ...quote, request: undefined, orders };
    }
    case "status":
      return await plugin.fetchOrderStatus(command.orderId);
    case "import":
      return await querySwapgate({ settings: command.settings, apiKeys: credentials }, command.limit);
    case "period": {
      const { startDate, endDate, limit } = command;
      return await querySwapgatePeriod({ settings: {}, apiKeys: credentials }, startDate, endDate, limit);
    }
  }
}

async function main(): Promise<void> {
  const command = JSON.parse(await text(process.stdin)) as Command;
  try {
    console.log(JSON.stringify({ result: await result(command) }));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.log(JSON.stringify({ error: { ...error, name: error.name, message: error.message } }));
  }
}

void main();
