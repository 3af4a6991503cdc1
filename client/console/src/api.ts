// Requests to the operators' routes. A token that is refused ends the session; everything else that is refused is
// shown where it was asked for.

import { getToken, setToken } from './token';

/** A refusal, or a server that does not answer. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

interface Problem {
  code?: string;
  detail?: string;
}

interface Init extends RequestInit {
  headers?: Record<string, string>;
}

async function send(path: string, init: Init): Promise<unknown> {
  const token = getToken() ?? '';
  const headers = { ...init.headers, authorization: `Bearer ${token}` };
  const answer = await fetch(`/operations${path}`, { ...init, headers }).catch((error: unknown) => {
    if (init.signal?.aborted) throw error;
    throw new Refused('server.unavailable', 'The server does not answer.');
  });
  const body: unknown = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const { code = 'command.failed', detail = answer.statusText } = body as Problem;
  if (answer.status === 401 && token === getToken()) setToken(null);
  throw new Refused(code, detail);
}

export const get = (path: string, signal?: AbortSignal): Promise<unknown> =>
  send(path, signal ? { signal } : {});

/** Does something, for a reason. Who does it, the server knows by the token. */
export const act = (path: string, body: object, reason: string): Promise<unknown> =>
  send(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, reason }),
  });

/** A path with a query of those values that are given. */
export function query(path: string, values: Record<string, string | undefined>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value) given.set(name, value);
  return given.size > 0 ? `${path}?${given.toString()}` : path;
}
