// The bar on top: whose page this is, the theme, and the way out.

import { useState } from 'react';
import { useTier } from '@tierlift/client/react';
import { Icon } from './icons';

function isDark(): boolean {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

function ThemeButton() {
  const [dark, setDark] = useState(isDark);
  const toggle = (): void => {
    const theme = dark ? 'light' : 'dark';
    document.documentElement.dataset.theme = theme;
    localStorage.setItem('demo.theme', theme);
    setDark(!dark);
  };
  return (
    <button
      className="ghost square"
      onClick={toggle}
      aria-label={dark ? 'Light theme' : 'Dark theme'}
    >
      <Icon name={dark ? 'sun' : 'moon'} />
    </button>
  );
}

export function Header() {
  const { user, client } = useTier();
  return (
    <header className="bar">
      <a className="skip" href="#main">
        Skip to content
      </a>
      <a className="brand" href="/demo" aria-label="tierlift demo, start">
        <span className="brand-mark">
          <Icon name="mark" />
        </span>
        tierlift <span className="brand-sub">demo</span>
      </a>
      <div className="bar-end">
        {user && (
          <span className="who" data-testid="who">
            {user.userId}
          </span>
        )}
        <ThemeButton />
        {user && (
          <button className="ghost" onClick={() => client.signOut()}>
            <Icon name="out" />
            <span className="wide-only">Sign out</span>
            <span className="narrow-only sr">Sign out</span>
          </button>
        )}
      </div>
    </header>
  );
}
