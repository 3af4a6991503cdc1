'use client';
// Where Stripe sends the customer back to. It watches for the upgrade and says how it goes.

import { useEffect } from 'react';
import { UpgradeStatus, useTierUpgrade } from '@tierlift/client/react';

export default function Return() {
  const { start } = useTierUpgrade();
  useEffect(() => void start(), [start]);
  return <UpgradeStatus />;
}
