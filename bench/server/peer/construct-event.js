// How many webhooks stripe-node verifies and parses a second of processor time.
//
//   node construct-event.js FILE SECRET SECONDS
//
// FILE holds one webhook a line, as JSON: {"header", "body"}. Prints the rate alone. It refuses to
// print one when any webhook does not verify.
import { readFileSync } from 'node:fs';

import Stripe from 'stripe';

const [file, secret, seconds] = process.argv.slice(2);
const stripe = new Stripe('sk_test_unused');
const webhooks = readFileSync(file, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line))
  .map(({ header, body }) => ({ header, body: Buffer.from(body) }));

function run(forMs) {
  const start = process.cpuUsage();
  let done = 0;
  let elapsed = 0;
  while (elapsed < forMs) {
    for (const { header, body } of webhooks) stripe.webhooks.constructEvent(body, header, secret);
    done += webhooks.length;
    const { user, system } = process.cpuUsage(start);
    elapsed = (user + system) / 1000;
  }
  return (done / elapsed) * 1000;
}

run(500); // the compiler warms up
console.log(Math.round(run(Number(seconds) * 1000)));
