// Where the operator is: a path in the fragment of the address, so that links, the back button and a bookmark work
// without the server.

import { useSyncExternalStore } from 'react';

function subscribe(listener: () => void): () => void {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
}

const read = (): string => location.hash.replace(/^#/, '') || '/';

/** The parts of the path, decoded. */
export function usePlace(): string[] {
  const path = useSyncExternalStore(subscribe, read);
  return path.split('/').filter(Boolean).map(decoded);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a place. */
export const to = (...parts: string[]): string => `#/${parts.map(encodeURIComponent).join('/')}`;

export function go(...parts: string[]): void {
  location.hash = to(...parts);
}

/** The place of what somebody looks for: an event, a customer, or a user by the host's own id. */
export function found(text: string): string[] {
  const wanted = text.trim();
  if (wanted.startsWith('evt_')) return ['event', wanted];
  if (/^(cus|gcus|acct)_/.test(wanted)) return ['customer', wanted];
  return ['user', wanted];
}
