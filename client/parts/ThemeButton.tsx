// The button that switches between the light and the dark theme.

import { useSyncExternalStore } from 'react';
import { Icon } from './icons';
import { getTheme, onTheme, setTheme } from './theme';

export function ThemeButton() {
  const other = useSyncExternalStore(onTheme, getTheme) === 'dark' ? 'light' : 'dark';
  return (
    <button
      className="ghost square"
      onClick={() => setTheme(other)}
      aria-label={other === 'dark' ? 'Dark theme' : 'Light theme'}
    >
      <Icon name={other === 'dark' ? 'moon' : 'sun'} />
    </button>
  );
}
