// Verifies a delivery (JSON on standard input) with both public libraries, by the secret as shown.
import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { secret, plain, body, headers } = JSON.parse(Buffer.concat(chunks).toString());
const verified = [Standard, Svix].map((Library) => {
  new Library(secret).verify(body, headers); // throws unless the signature is right
  return JSON.parse(body).event;
});
const rejected = [Standard, Svix].map((Library) => {
  try {
    new Library(plain).verify(body, headers);
    return false;
  } catch {
    return true;
  }
});
console.log(JSON.stringify({ verified, rejected }));
