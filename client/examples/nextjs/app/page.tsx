'use client';
// Shows the paid plan, or offers it to a user who has not paid. The button posts to api/checkout, which
// redirects to Stripe.

import {
  RequireFeature,
  SubscriptionStatus,
  UpgradeStatus,
  useTier,
  useTierUpgrade,
} from '@tierlift/client/react';

export default function Page() {
  const { role } = useTier();
  const { status } = useTierUpgrade();
  if (role === null) return <p>Loading…</p>;
  if (role !== 'free') return <Paid />;
  // A payment is under way, perhaps in another tab: do not offer to pay again.
  if (status !== 'idle') return <UpgradeStatus />;
  return (
    <form action="/api/checkout" method="post">
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
        <a href="/export">Export</a>
      </RequireFeature>
    </>
  );
}
