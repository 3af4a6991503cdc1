// Shown instead of the plan while it is not known: what is wrong, in words for whoever runs the server.

import type { TierError } from '@tierlift/client';

export function Trouble({ error }: { error: TierError }) {
  return (
    <section className="card trouble" role="alert">
      <h1>Your plan cannot be loaded right now</h1>
      <p>This page keeps trying, and shows the plan by itself.</p>
      <p className="note">
        <code>{error.code}</code> {error.message}
      </p>
    </section>
  );
}
