// Signs the cases of signature_cases.json with stripe-node, Stripe's own library, and prints the
// vectors that core's signature tests must accept. In a directory of its own:
//   npm install stripe && cp <here>/{make_signature_vectors.mjs,signature_cases.json} . && cp -r <here>/events .
//   node make_signature_vectors.mjs > <here>/signature_vectors_node.json
import { readFileSync } from "node:fs";
import Stripe from "stripe";

const stripe = new Stripe("sk_test_unused");
const cases = JSON.parse(readFileSync("signature_cases.json", "utf8"));
const vectors = cases.map(({ secret, timestamp, payload, file }) => {
  payload ??= readFileSync(file, "utf8");
  const header = stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
  return { secret, timestamp, payload, header };
});
const made_with = `stripe-node ${Stripe.PACKAGE_VERSION}, generateTestHeaderString`;
console.log(JSON.stringify({ made_with, vectors }, null, 2));
