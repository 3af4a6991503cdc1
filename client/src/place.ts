// Where the server is, from the host's options.

import { attempt } from './attempt.js';
import type { Environment } from './environment.js';
import type { TierClientOptions } from './options.js';

export interface Place {
  baseUrl: string;
  socketUrl: string;
  /** The name under which the tabs of one browser share things about this server. */
  name: string;
}

/** Null if the options name no address. */
export function placeOf(
  options: TierClientOptions,
  env: Pick<Environment, 'origin'>,
): Place | null {
  const baseUrl = addressOf(options.baseUrl ?? '', env.origin);
  if (!/^https?:/.test(baseUrl)) return null;
  const socketUrl = options.socketUrl ?? `${baseUrl.replace(/^http/, 'ws')}/ws`;
  return { baseUrl, socketUrl, name: `tierlift:${baseUrl}` };
}

function addressOf(url: string, origin: string): string {
  return attempt(() => new URL(url, origin || undefined).href.replace(/\/$/, ''), '');
}
