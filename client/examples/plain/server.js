// @ts-check
// A server without dependencies for the page beside it: sign-in by cookie, tokens for tierlift, and the
// checkout. Take its routes over into yours, in whatever language that is.
//
//   TIERLIFT_JWT_SECRET  the same secret as tierlift's: this server issues the tokens that it accepts
//   SESSION_SECRET       signs the cookie of the sign-in
//   STRIPE_SECRET_KEY, STRIPE_PRICE
//   APP_URL              where browsers reach this server; it is in tierlift's allowed_origins

import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';

/** @param {string} name */
function variable(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

const TIERLIFT_JWT_SECRET = variable('TIERLIFT_JWT_SECRET');
const SESSION_SECRET = variable('SESSION_SECRET');
const APP_URL = process.env.APP_URL ?? 'http://127.0.0.1:3000';

/** Short, because it cannot be taken back: a browser asks for the next one when it needs it. */
const TOKEN_LIFETIME_SECS = 300;
const BODY_BYTES_MAX = 1024;
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

/** @param {string} text @param {string} key */
const sign = (text, key) => `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;

/** A JWT (HS256). `sub` is your id of the user, the same as in Stripe's metadata. @param {string} userId */
function accessTokenFor(userId) {
  const now = Math.floor(Date.now() / 1000);
  const part = (/** @type {object} */ value) =>
    Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: userId, iat: now, exp: now + TOKEN_LIFETIME_SECS };
  return sign(`${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`, TIERLIFT_JWT_SECRET);
}

/** The user whom the cookie names: replace this with your own sessions. @param {Request} request */
function signedInUser({ headers }) {
  const cookie = /(?:^|; )session=([^;]+)/.exec(headers.get('cookie') ?? '')?.[1] ?? '';
  const name = cookie.split('.')[0] ?? '';
  const actual = Buffer.from(cookie);
  const expected = Buffer.from(sign(name, SESSION_SECRET));
  const genuine = actual.length === expected.length && timingSafeEqual(actual, expected);
  return genuine ? Buffer.from(name, 'base64url').toString() : null;
}

/** @param {string} value @param {number} [maxAgeSecs] */
const cookie = (value, maxAgeSecs = 86_400) =>
  `session=${value}; HttpOnly; SameSite=Lax; Path=/; Max-Age=${maxAgeSecs}` +
  (APP_URL.startsWith('https:') ? '; Secure' : '');

/** @param {Request} request */
async function signIn(request) {
  const { userId } = /** @type {{ userId?: unknown }} */ (await request.json());
  if (typeof userId !== 'string' || userId === '') return new Response(null, { status: 400 });
  const value = sign(Buffer.from(userId).toString('base64url'), SESSION_SECRET);
  return new Response(null, { status: 204, headers: { 'set-cookie': cookie(value) } });
}

/**
 * Opens a checkout. The user's id is sent twice: with the checkout, and with the subscription, whose
 * later events do not mention the checkout. Stripe fills in the id by which the return page knows that
 * there was one.
 * @param {Request} request
 */
async function openCheckout(request) {
  const userId = signedInUser(request);
  if (userId === null) return Response.redirect(APP_URL, 303);
  const body = new URLSearchParams({
    mode: 'subscription',
    'line_items[0][price]': variable('STRIPE_PRICE'),
    'line_items[0][quantity]': '1',
    client_reference_id: userId,
    'subscription_data[metadata][user_id]': userId,
    success_url: `${APP_URL}/upgrade/return?session_id={CHECKOUT_SESSION_ID}`,
    cancel_url: APP_URL,
  });
  const headers = { authorization: `Bearer ${variable('STRIPE_SECRET_KEY')}` };
  const init = { method: 'POST', headers, body };
  const response = await fetch('https://api.stripe.com/v1/checkout/sessions', init);
  if (!response.ok) throw new Error(`Stripe refused: ${await response.text()}`);
  const checkout = /** @type {{ url: string }} */ (await response.json());
  return Response.redirect(checkout.url, 303);
}

/** A file of this folder. An address with `..` in it has lost that on the way. @param {string} path */
async function file(path) {
  const name = path === '/' || path === '/upgrade/return' ? '/index.html' : path;
  const type = TYPES[/** @type {keyof typeof TYPES} */ (extname(name))];
  const text = type && (await readFile(join(import.meta.dirname, name)).catch(() => null));
  if (!text || name === '/server.js') return new Response('not found', { status: 404 });
  return new Response(text, { headers: { 'content-type': type } });
}

/** @param {Request} request */
async function respond(request) {
  const { pathname } = new URL(request.url);
  switch (`${request.method} ${pathname}`) {
    case 'GET /api/token': {
      const userId = signedInUser(request);
      const accessToken = userId === null ? null : accessTokenFor(userId);
      return Response.json({ accessToken }, { headers: { 'cache-control': 'no-store' } });
    }
    case 'POST /api/session':
      return signIn(request);
    case 'DELETE /api/session':
      return new Response(null, { status: 204, headers: { 'set-cookie': cookie('', 0) } });
    case 'POST /api/checkout':
      return openCheckout(request);
    default:
      return request.method === 'GET' ? file(pathname) : new Response(null, { status: 405 });
  }
}

/** @param {import('node:http').IncomingMessage} incoming */
async function toRequest(incoming) {
  const { method = 'GET', url = '/', headers } = incoming;
  let body = '';
  for await (const chunk of incoming) {
    body += String(chunk);
    if (body.length > BODY_BYTES_MAX) throw new Error('the body is too large');
  }
  const init = { method, headers: { cookie: headers.cookie ?? '' }, body: body || null };
  return new Request(new URL(url, APP_URL), init);
}

const server = createServer((incoming, outgoing) => {
  toRequest(incoming)
    .then(respond)
    .catch((/** @type {unknown} */ error) => {
      console.error(error);
      return new Response(null, { status: 500 });
    })
    .then(async (response) => {
      outgoing.writeHead(response.status, Object.fromEntries(response.headers));
      outgoing.end(Buffer.from(await response.arrayBuffer()));
    })
    .catch(console.error);
});

const { hostname, port } = new URL(APP_URL);
server.listen(Number(port || 80), hostname, () => console.log(`listening on ${APP_URL}`));
