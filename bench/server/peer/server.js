// The stock peer: what a good team would write with the usual parts, in one process. Fastify takes
// the webhook, stripe-node verifies it, SQLite (WAL, synchronous=FULL) makes it durable before the
// 200, a worker applies it in one transaction, and ws tells the user's open sockets.
//
//   STRIPE_WEBHOOK_SECRET=whsec_… TIERLIFT_JWT_SECRET=… TIERLIFT_SERVICE_TOKENS=name:token \
//     node server.js --listen 127.0.0.1:8788 --data peer.db
//
// It refuses to answer 2xx before the event is on disk, and logs no request: a log line for each
// webhook would only make it slower.
import { timingSafeEqual } from 'node:crypto';
import { parseArgs } from 'node:util';

import Fastify, { LogController } from 'fastify';
import Stripe from 'stripe';

import { session, userOf } from './session.js';
import { Sockets } from './sockets.js';
import { Store } from './store.js';
import { Worker } from './worker.js';

const HANDLED_TYPES = new Set([
  'customer.subscription.created',
  'customer.subscription.updated',
  'customer.subscription.deleted',
]);
const ROLES = ['free', 'paid'];
const BODY_MAX_BYTES = 256 * 1024;

const { values: options } = parseArgs({
  options: { listen: { type: 'string' }, data: { type: 'string' } },
});
const [host, port] = (options.listen ?? '127.0.0.1:8788').split(':');
const webhookSecret = requireEnv('STRIPE_WEBHOOK_SECRET');
const jwtSecret = requireEnv('TIERLIFT_JWT_SECRET');
const serviceToken = Buffer.from(requireEnv('TIERLIFT_SERVICE_TOKENS').replace(/^[^:]*:/, ''));

const stripe = new Stripe('sk_test_unused');
const store = new Store(options.data ?? 'peer.db');
const app = Fastify({
  logger: { level: 'warn' },
  logController: new LogController({ disableRequestLogging: true }),
  bodyLimit: BODY_MAX_BYTES,
});
const sockets = new Sockets(jwtSecret, store);
const worker = new Worker(store, (notice) => sockets.notify(notice), app.log);

// The signature is over the raw bytes, so the body stays a buffer.
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

app.post('/webhooks/stripe', (request, reply) => {
  let event;
  try {
    event = stripe.webhooks.constructEvent(request.body, request.headers['stripe-signature'], webhookSecret);
  } catch (error) {
    request.log.warn({ reason: error.message }, 'webhook refused');
    reply.code(400).send({ code: 'signature_invalid' });
    return;
  }
  if (!HANDLED_TYPES.has(event.type)) {
    reply.send({ status: 'ignored' });
    return;
  }
  store.enqueue(event, request.body);
  worker.wake();
  reply.send({ status: 'accepted' });
});

// What a host asks with its own credential, and what a proxy asks with the user's.
app.get('/v1/users/:id', (request, reply) => {
  if (!isServiceToken(bearer(request))) {
    reply.code(401).send({ code: 'token_invalid' });
    return;
  }
  reply.header('cache-control', 'private, no-cache').send({ userId: request.params.id, ...session(store.account(request.params.id)) });
});

app.get('/authorize', (request, reply) => {
  const user = userOf(bearer(request), jwtSecret);
  if (user === undefined) {
    reply.code(401).send({ code: 'token_invalid' });
    return;
  }
  const { role, revocationId } = session(store.account(user));
  if (ROLES.indexOf(role) < ROLES.indexOf(request.query.role)) {
    reply.code(403).send({ code: 'role_too_low' });
    return;
  }
  reply
    .code(204)
    .headers({ 'x-tierlift-user': user, 'x-tierlift-role': role, 'x-tierlift-revocation-id': revocationId })
    .send();
});

app.get('/healthz', (_request, reply) => {
  reply.send({ status: 'ok', queued: store.queued() });
});

app.server.on('upgrade', (request, socket, head) => sockets.upgrade(request, socket, head));

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, async () => {
    sockets.close();
    await app.close();
    store.close();
    process.exit(0);
  });
}

await app.listen({ host, port: Number(port) });
// What a crash left in the queue is applied at the start.
worker.wake();

function bearer(request) {
  return (request.headers.authorization ?? '').replace(/^Bearer /, '');
}

function isServiceToken(token) {
  const given = Buffer.from(token);
  return given.length === serviceToken.length && timingSafeEqual(given, serviceToken);
}

function requireEnv(name) {
  const value = process.env[name];
  if (!value) {
    console.error(`${name} is not set`);
    process.exit(2);
  }
  return value;
}
