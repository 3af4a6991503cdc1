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

const THEME = 'demo.theme';
export type Theme = 'light' | 'dark';

const dark = matchMedia('(prefers-color-scheme: dark)');

export function getTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  return chosen === 'light' || chosen === 'dark' ? chosen : dark.matches ? 'dark' : 'light';
}

export function setTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem(THEME, theme);
  dispatchEvent(new Event('demo:theme'));
}

export function onTheme(listener: () => void): () => void {
  addEventListener('demo:theme', listener);
  dark.addEventListener('change', listener);
  return () => {
    removeEventListener('demo:theme', listener);
    dark.removeEventListener('change', listener);
  };
}
