'use client';
// The page that Stripe sends the customer back to. It watches for the upgrade and shows its progress.

import { useEffect } from 'react';
import { UpgradeStatus, useTierUpgrade } from '@tierlift/client/react';

export default function Return() {
  const { start } = useTierUpgrade();
  useEffect(() => void start(), [start]);
  return <UpgradeStatus />;
}
