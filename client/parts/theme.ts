// The theme: the system's, unless the visitor has chosen one.

const THEME = 'tierlift.theme';
export type Theme = 'light' | 'dark';

const dark = matchMedia('(prefers-color-scheme: dark)');

export function getTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  return chosen === 'light' || chosen === 'dark' ? chosen : dark.matches ? 'dark' : 'light';
}

export function setTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem(THEME, theme);
  dispatchEvent(new Event('tierlift:theme'));
}

export function onTheme(listener: () => void): () => void {
  addEventListener('tierlift:theme', listener);
  dark.addEventListener('change', listener);
  return () => {
    removeEventListener('tierlift:theme', listener);
    dark.removeEventListener('change', listener);
  };
}
