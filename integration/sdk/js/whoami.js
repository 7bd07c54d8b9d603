// Asks STS, through the AWS SDK for JavaScript and its default chain, whose credentials it
// has. With --serve it does so as often as the lines of its standard input say, with one
// client.
import { createInterface } from "node:readline";
import { STSClient, GetCallerIdentityCommand } from "@aws-sdk/client-sts";

const client = new STSClient({});

async function sign(n) {
  const start = process.hrtime.bigint();
  const out = {};
  try {
    out.region = await client.config.region();
    for (let i = 0; i < n; i++) {
      const id = await client.send(new GetCallerIdentityCommand({}));
      out.arn = id.Arn;
      out.account = id.Account;
    }
  } catch (e) {
    out.error = `${e.name}: ${e.message}`;
  }
  out.ms = Number((process.hrtime.bigint() - start) / 1000000n);
  process.stdout.write(JSON.stringify(out) + "\n");
  return !out.error;
}

if (process.argv.includes("--serve")) {
  for await (const line of createInterface({ input: process.stdin })) await sign(Number(line));
} else {
  process.exitCode = (await sign(1)) ? 0 : 1;
}
