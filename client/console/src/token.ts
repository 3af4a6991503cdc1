// The operator's token: kept for this tab alone and gone with it. It comes from the sign-in form, or once from the
// fragment of the address, which browsers send to nobody; it is removed from there at once.

const KEY = 'console.token';
const IN_FRAGMENT = /^#token=(.+)$/;

const listeners = new Set<() => void>();

export function takeFromFragment(): void {
  const found = IN_FRAGMENT.exec(location.hash)?.[1];
  if (found === undefined) return;
  sessionStorage.setItem(KEY, decodeURIComponent(found));
  history.replaceState(null, '', location.pathname);
}

export const getToken = (): string | null => sessionStorage.getItem(KEY);

export function setToken(token: string | null): void {
  if (token === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, token);
  for (const listener of listeners) listener();
}

export function onToken(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
