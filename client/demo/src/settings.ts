// The visitor's settings. They survive the navigation to the checkout and back.

const SLOW = 'demo.slow';

export const isSlow = (): boolean => localStorage.getItem(SLOW) !== null;

export function setSlow(slow: boolean): void {
  if (slow) localStorage.setItem(SLOW, 'yes');
  else localStorage.removeItem(SLOW);
  dispatchEvent(new Event('demo:slow'));
}

export function onSlow(listener: () => void): () => void {
  addEventListener('storage', listener);
  addEventListener('demo:slow', listener);
  return () => {
    removeEventListener('storage', listener);
    removeEventListener('demo:slow', listener);
  };
}
