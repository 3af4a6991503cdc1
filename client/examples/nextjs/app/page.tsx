'use client';
// Signs in, offers the paid plan to a user who does not have it, and shows it to one who does.

import type { TierClient } from '@tierlift/client';
import { RequireFeature, SubscriptionStatus, UpgradeStatus } from '@tierlift/client/react';
import { useTier, useTierUpgrade } from '@tierlift/client/react';
import { SignIn } from './sign-in';

export default function Page() {
  const { status, user, hasRole, error, client } = useTier();
  if (status === 'signed_out') return <SignIn />;
  if (!user)
    return <p>{error ? 'Your plan cannot be loaded right now. We keep trying.' : 'Loading…'}</p>;
  return (
    <>
      <h1>Hello, {user.userId}</h1>
      {hasRole('paid') ? <Paid /> : <Offer />}
      <button onClick={() => void signOut(client)}>Sign out</button>
    </>
  );
}

async function signOut(client: TierClient): Promise<void> {
  // The cookie first: what the server renders from now on is for nobody.
  await fetch('/api/session', { method: 'DELETE' });
  client.signOut();
}

function Offer() {
  const { status } = useTierUpgrade();
  // A payment is under way, perhaps in another tab: do not offer to pay again, unless it is dismissed.
  if (status === 'pending' || status === 'timed_out') return <UpgradeStatus />;
  return (
    <form action="/api/checkout" method="post">
      <p>You are on the free plan.</p>
      <button>Upgrade</button>
    </form>
  );
}

function Paid() {
  return (
    <>
      <p>Welcome to the paid plan.</p>
      <SubscriptionStatus />
      <RequireFeature feature="export">
        <p>
          <a href="/export">Export</a>
        </p>
      </RequireFeature>
    </>
  );
}
