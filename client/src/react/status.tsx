'use client';
// Shows a customer who has paid what is happening, and announces it to screen readers. It is unstyled.
// It never says that a payment failed, because only the checkout knows that.

import type { ReactNode } from 'react';
import { useTierUpgrade } from './upgrade.js';

export interface UpgradeTexts {
  pending: ReactNode;
  upgraded: ReactNode;
  timedOut: ReactNode;
  retry: ReactNode;
}

export interface UpgradeStatusProps {
  texts?: Partial<UpgradeTexts>;
  className?: string;
}

const TEXTS: UpgradeTexts = {
  pending: 'Confirming your payment…',
  upgraded: 'Your upgrade is active.',
  timedOut:
    'This is taking longer than usual. Your payment is safe and you will not be charged twice. ' +
    'You can leave this page, or check again now.',
  retry: 'Check again',
};

export function UpgradeStatus({ texts, className = 'tierlift-status' }: UpgradeStatusProps) {
  const { status, retry } = useTierUpgrade();
  const labels = { ...TEXTS, ...texts };
  const { pending, upgraded, timedOut } = labels;
  const message = { idle: null, pending, upgraded, timed_out: timedOut }[status];
  // The live region exists from the start: one that appears together with its text is not read out.
  return (
    <div className={className} data-status={status}>
      <div role="status" aria-live="polite" aria-atomic="true">
        {message}
      </div>
      {status === 'timed_out' && (
        <button type="button" onClick={() => void retry()}>
          {labels.retry}
        </button>
      )}
    </div>
  );
}
