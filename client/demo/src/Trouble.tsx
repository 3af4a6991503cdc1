// Shown instead of the plan while it is not known: what is wrong, in words for whoever runs the server.

import type { TierError } from '@tierlift/client';
import { useTierClient } from '@tierlift/client/react';

export function Trouble({ error }: { error: TierError }) {
  const client = useTierClient();
  return (
    <section className="card trouble" role="alert">
      <h1>Your plan cannot be loaded right now</h1>
      <p>This page keeps trying, and shows the plan by itself.</p>
      <p className="note">
        <code>{error.code}</code> {error.message}
      </p>
      <button className="ghost" onClick={() => client.signOut()}>
        Sign out
      </button>
    </section>
  );
}
