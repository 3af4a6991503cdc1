// The header: who is signed in, the theme, and the sign-out.

import { useTier } from '@tierlift/client/react';
import { Icon } from '../../parts/icons';
import { ThemeButton } from '../../parts/ThemeButton';

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
