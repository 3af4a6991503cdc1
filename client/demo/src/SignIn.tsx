// Signs a visitor in under any id. There is no password: the server issues demo tokens to anybody.

import { useState } from 'react';
import type { SyntheticEvent } from 'react';
import { signIn } from './client';
import { Icon } from '../../parts/icons';

const visitor = (): string => `visitor-${Math.random().toString(36).slice(2, 7)}`;

const PIPELINE = ['Stripe', 'verify', 'queue', 'decide', 'notify', 'your tabs'];

function Pipeline() {
  return (
    <ol className="pipeline" aria-label="The path of a webhook">
      {PIPELINE.map((step) => (
        <li key={step}>{step}</li>
      ))}
    </ol>
  );
}

export function SignIn() {
  const [userId, setUserId] = useState(visitor);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    setBusy(true);
    signIn(userId.trim())
      .catch((error: unknown) => setError(error instanceof Error ? error.message : String(error)))
      .finally(() => setBusy(false));
  };
  return (
    <section className="gate">
      <div className="gate-words">
        <p className="eyebrow">Stripe → every tab</p>
        <h1>
          Pay in one tab.
          <br />
          <em>Every tab knows.</em>
        </h1>
        <p className="lead">
          A customer pays, and every open tab of theirs unlocks within a second. No refresh, no
          polling loop, no stale tier. Try to break it.
        </p>
        <ul className="ticks">
          <li>
            <Icon name="check" /> Signed webhooks, stored before they are acknowledged
          </li>
          <li>
            <Icon name="check" /> One socket per browser, every tab in step
          </li>
          <li>
            <Icon name="check" /> Storms, lost sockets and late webhooks included
          </li>
        </ul>
      </div>
      <form className="card gate-form" onSubmit={submit}>
        <h2>Come in</h2>
        <label htmlFor="user">Your user id</label>
        <input
          id="user"
          value={userId}
          onChange={(event) => setUserId(event.target.value)}
          autoComplete="off"
          spellCheck={false}
          required
          aria-describedby="user-hint user-error"
        />
        <p id="user-hint" className="hint">
          Any name will do. Nothing is checked, and nothing leaves this machine.
        </p>
        <button className="primary" disabled={busy || userId.trim() === ''}>
          Sign in
        </button>
        <p id="user-error" className="error" role="alert">
          {error}
        </p>
      </form>
      <Pipeline />
    </section>
  );
}
