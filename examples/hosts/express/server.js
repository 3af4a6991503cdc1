// A host on Express: its own sessions in a cookie, and a route for those who have paid.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import express from 'express';

const sessions = new Map();
const app = express();

app.use((request, _, next) => {
  const id = /(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
  request.session = sessions.get(id);
  request.sessionId = id;
  next();
});

const signedIn = (request, response, next) => (request.session ? next() : response.sendStatus(401));

// tierlift
const tierlift = async (path, body) => {
  const headers = { authorization: `Bearer ${process.env.TIERLIFT_SERVICE_TOKEN}` };
  const init = { headers, signal: AbortSignal.timeout(5_000) };
  if (body) Object.assign(init, { method: 'POST', body: JSON.stringify(body) });
  const answer = await fetch(process.env.TIERLIFT_URL + path, init).catch(() => null);
  if (answer?.ok) return answer.json();
  // With 409 this sign-in is too old, or was revoked. Express answers with the status of an error.
  const status = answer?.status === 409 ? 401 : 503;
  throw Object.assign(new Error(`${path}: ${answer?.status ?? 'no answer'}`), { status });
};

/** Lets those pass who have this feature now, whatever they had when they signed in. */
const requireFeature = (feature) => async ({ session }, response, next) => {
  const user = await tierlift(`/v1/users/${encodeURIComponent(session.user)}?authTime=${session.at}`);
  return user.features.includes(feature) ? next() : response.sendStatus(403);
};

app.get('/token', signedIn, async ({ session }, response) => {
  const issued = await tierlift('/v1/tokens', { userId: session.user, authTime: session.at });
  response.set('cache-control', 'no-store').json(issued);
});
// end

app.post('/login', express.urlencoded({ extended: false }), (request, response) => {
  const id = randomUUID();
  sessions.set(id, { user: request.body.user, at: Math.floor(Date.now() / 1000) });
  response.cookie('session', id, { httpOnly: true, sameSite: 'lax' }).redirect(303, '/');
});
app.post('/logout', (request, response) => {
  sessions.delete(request.sessionId);
  response.clearCookie('session').sendStatus(204);
});
app.get('/reports', signedIn, requireFeature('export'), (request, response) => {
  response.send(`the report of ${request.session.user}`);
});
app.use(express.static(process.env.PAGE ?? join(import.meta.dirname, '../page')));
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
