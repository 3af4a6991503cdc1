// The page that shows everything: the plans, what they unlock, the live state, and the switches.

import { useEffect } from 'react';
import type { User } from '@tierlift/client';
import { useTierUpgrade } from '@tierlift/client/react';
import { Controls } from './Controls';
import { Live } from './Live';
import { Plans } from './Plans';
import { Premium } from './Premium';
import { Timeline } from './Timeline';

export function Home({ user }: { user: User }) {
  const { start } = useTierUpgrade();
  useEffect(() => {
    const address = new URLSearchParams(location.search);
    if (!address.has('return')) return;
    const checkoutSessionId = address.get('session_id');
    // The address is used up: a bookmark of it, or a later visit, is not a return from a checkout.
    history.replaceState(null, '', '/demo');
    void start({ role: 'paid', ...(checkoutSessionId && { checkoutSessionId }) });
  }, [start]);
  return (
    <div className="home">
      <div className="intro">
        <h1>
          Pay in one tab. <em>Every tab knows.</em>
        </h1>
        <p className="lead">Open this page twice, side by side, and upgrade in one of them.</p>
      </div>
      <div className="column">
        <Plans user={user} />
        <Premium role={user.role} />
      </div>
      <div className="column">
        <Live user={user} />
        <Controls user={user} />
      </div>
      <Timeline />
    </div>
  );
}
