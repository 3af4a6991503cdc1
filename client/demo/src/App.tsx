// Chooses the view: sign-in, checkout, or the one page that shows everything.

import { useSyncExternalStore } from 'react';
import { Toaster } from 'sonner';
import { useTier } from '@tierlift/client/react';
import { Checkout } from './Checkout';
import { Header } from './Header';
import { Home } from './Home';
import { SignIn } from './SignIn';
import { Trouble } from './Trouble';
import { getTheme, onTheme } from '../../parts/theme';

export function App() {
  const { status, user, error } = useTier();
  const theme = useSyncExternalStore(onTheme, getTheme);
  const view = new URLSearchParams(location.search);
  return (
    <>
      <Header />
      <main id="main" data-status={status}>
        {status === 'signed_out' && <SignIn />}
        {status === 'error' && error && <Trouble error={error} />}
        {status === 'loading' && <div className="boot" role="progressbar" aria-label="Loading" />}
        {user &&
          status === 'ready' &&
          (view.has('checkout') ? <Checkout user={user} /> : <Home user={user} />)}
      </main>
      <Toaster position="top-center" theme={theme} closeButton />
      <footer className="foot">
        No card, no account, no real money: the webhooks are signed and sent by this server to
        itself, and everything after that is the real pipeline.
      </footer>
    </>
  );
}
