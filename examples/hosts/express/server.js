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

// tierlift
const tierlift = (path, init = {}) => {
  const headers = { authorization: `Bearer ${process.env.TIERLIFT_SERVICE_TOKEN}` };
  return fetch(process.env.TIERLIFT_URL + path, { headers, signal: AbortSignal.timeout(5_000), ...init });
};

/** Lets those pass who have this feature now, whatever they had when they signed in. */
const requireFeature = (feature) => async (request, response, next) => {
  if (!request.session) return response.sendStatus(401);
  const answer = await tierlift(`/v1/users/${encodeURIComponent(request.session.user)}`);
  if (!answer.ok) return response.sendStatus(503);
  const { features } = await answer.json();
  return features.includes(feature) ? next() : response.sendStatus(403);
};

app.get('/token', async ({ session, sessionId }, response) => {
  if (!session) return response.sendStatus(401);
  const body = JSON.stringify({ userId: session.user, authTime: session.at });
  const answer = await tierlift('/v1/tokens', { method: 'POST', body });
  // This sign-in is too old, or its tokens were revoked.
  if (answer.status === 409) sessions.delete(sessionId);
  if (!answer.ok) return response.sendStatus(answer.status === 409 ? 401 : 503);
  return response.set('cache-control', 'no-store').json(await answer.json());
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
app.get('/reports', requireFeature('export'), (request, response) => {
  response.send(`the report of ${request.session.user}`);
});
app.use(express.static(process.env.PAGE ?? join(import.meta.dirname, '../page')));
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
