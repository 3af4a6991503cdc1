'use client';
// Watches for what was just bought, and shows the progress.

import { useEffect } from 'react';
import Link from 'next/link';
import { UpgradeStatus, useTierUpgrade } from '@tierlift/client/react';

export function Watch({ checkoutSessionId }: { checkoutSessionId: string }) {
  const { start } = useTierUpgrade();
  // `role` is what this checkout sells: with several plans, put it into the address, too.
  useEffect(() => void start({ role: 'paid', checkoutSessionId }), [start, checkoutSessionId]);
  return (
    <>
      <h1>Your upgrade</h1>
      <UpgradeStatus />
      <p>
        <Link href="/">Back to the start</Link>
      </p>
    </>
  );
}
