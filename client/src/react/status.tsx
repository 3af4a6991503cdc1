'use client';
// Shows a customer who comes back from a checkout what is happening, and announces it to screen readers.
// It is unstyled. It never says that a payment failed, because only the checkout knows that, and it
// speaks of a payment as received only once the server has reported something of it.

import { useEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import type { UpgradeView } from '../types.js';
import { useTierClient } from './provider.js';
import { useTierSelector } from './tier.js';
import { useSpeaker } from './toasts.js';
import { useTierUpgrade } from './upgrade.js';

export interface UpgradeTexts {
  pending: ReactNode;
  upgraded: ReactNode;
  /** The minute is over, and nothing is known of a payment: perhaps there was none. */
  timedOut: ReactNode;
  /** The minute is over, and the server knows of the purchase, but not yet of the role. */
  timedOutPaid: ReactNode;
  /** It is not known who is signed in, or which plan the user has. */
  unavailable: ReactNode;
  retry: ReactNode;
  dismiss: ReactNode;
}

export interface UpgradeStatusProps {
  texts?: Partial<UpgradeTexts>;
  className?: string;
}

const TEXTS: UpgradeTexts = {
  pending: 'Confirming your payment…',
  upgraded: 'Your upgrade is active.',
  timedOut:
    'We do not see a payment yet. If you have paid, your plan appears here by itself and you ' +
    'need not pay again. You can leave this page, or check again now.',
  timedOutPaid:
    'This is taking longer than usual. Your payment has arrived and you will not be charged twice. ' +
    'You can leave this page, or check again now.',
  unavailable: 'Your plan cannot be loaded right now. We keep trying.',
  retry: 'Check again',
  dismiss: 'Not now',
};

export function UpgradeStatus({ texts, className = 'tierlift-status' }: UpgradeStatusProps) {
  const upgrade = useTierUpgrade();
  useSpeaker(useTierClient());
  const errorCode = useTierSelector(({ status, error }) =>
    status === 'error' ? (error?.code ?? 'unknown') : undefined,
  );
  const { region, buttonProps } = useKeptFocus(upgrade.status);
  const wasLate = useWasLate(upgrade.status);
  const labels = { ...TEXTS, ...texts };
  const isPending = upgrade.status === 'pending';
  const retry = (): void => {
    if (!isPending) void upgrade.retry();
  };
  // The live region exists from the start: one that appears together with its text is not read out.
  return (
    <div className={className} data-status={upgrade.status} data-error={errorCode}>
      <div role="status" aria-live="polite" aria-atomic="true" ref={region} tabIndex={-1}>
        {errorCode === undefined ? messageOf(upgrade, labels) : labels.unavailable}
      </div>
      {wasLate && (
        <>
          <button type="button" aria-disabled={isPending} onClick={retry} {...buttonProps}>
            {labels.retry}
          </button>
          <button type="button" onClick={upgrade.dismiss} {...buttonProps}>
            {labels.dismiss}
          </button>
        </>
      )}
    </div>
  );
}

function messageOf({ status, paymentKnown }: UpgradeView, texts: UpgradeTexts): ReactNode {
  if (status === 'idle') return null;
  if (status === 'timed_out') return paymentKnown ? texts.timedOutPaid : texts.timedOut;
  return texts[status];
}

/** Whether the watch is late, or was and is being repeated: the buttons stay where they are. */
function useWasLate(status: UpgradeView['status']): boolean {
  const [was, setWas] = useState(false);
  const is = status === 'timed_out' || (status === 'pending' && was);
  if (is !== was) setWas(is);
  return is;
}

/** Moves the focus to the live region when the button that has it goes away. */
function useKeptFocus(status: UpgradeView['status']) {
  const region = useRef<HTMLDivElement>(null);
  const focused = useRef(false);
  useEffect(() => {
    if (!focused.current || status === 'pending' || status === 'timed_out') return;
    focused.current = false;
    region.current?.focus();
  }, [status]);
  const buttonProps = {
    onFocus: () => void (focused.current = true),
    onBlur: () => void (focused.current = false),
  };
  return { region, buttonProps };
}
