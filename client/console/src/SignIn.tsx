// The sign-in: a token, which is tried before it is kept.

import { useState } from 'react';
import { Icon } from '../../parts/icons';
import { ThemeButton } from '../../parts/ThemeButton';
import { setToken } from './token';

async function isValid(token: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch('/operations/token', { headers });
  if (answer.status === 401) return false;
  if (!answer.ok) throw new Error(answer.statusText);
  return true;
}

function useSignIn() {
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const signIn = (token: string): void => {
    setBusy(true);
    isValid(token)
      .then((valid) => (valid ? setToken(token) : setError('This token is not valid here.')))
      .catch(() => setError('The server does not answer.'))
      .finally(() => setBusy(false));
  };
  return { error, busy, signIn };
}

export function SignIn() {
  const { error, busy, signIn } = useSignIn();
  const [token, setText] = useState('');
  return (
    <main id="main" className="sign-in">
      <form
        className="card"
        onSubmit={(event) => {
          event.preventDefault();
          signIn(token.trim());
        }}
      >
        <div className="sign-in-head">
          <span className="brand">
            <span className="brand-mark">
              <Icon name="mark" />
            </span>
            tierlift <span className="brand-sub">console</span>
          </span>
          <ThemeButton />
        </div>
        <h1>Operators only</h1>
        <label htmlFor="token">Token</label>
        <input
          id="token"
          type="password"
          autoComplete="off"
          autoFocus
          required
          value={token}
          aria-describedby="token-hint"
          onChange={(event) => setText(event.target.value)}
        />
        <p className="hint" id="token-hint">
          One of <code>TIERLIFT_OPERATOR_TOKENS</code>. It is kept in this tab until the tab is
          closed.
        </p>
        <button className="primary" disabled={busy}>
          {busy ? 'Looking…' : 'Sign in'}
        </button>
        <p className="error" role="alert">
          {error}
        </p>
      </form>
    </main>
  );
}
