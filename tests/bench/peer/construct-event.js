// How many webhooks stripe-node verifies and parses a second on one core.
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
  const start = performance.now();
  let done = 0;
  let elapsed = 0;
  while (elapsed < forMs) {
    for (const { header, body } of webhooks) stripe.webhooks.constructEvent(body, header, secret);
    done += webhooks.length;
    elapsed = performance.now() - start;
  }
  return (done / elapsed) * 1000;
}

run(500); // the compiler warms up
console.log(Math.round(run(Number(seconds) * 1000)));
