'use client';
// Says what a customer should know about the subscription: that a payment is overdue, that it ends, or
// that its trial does. It is unstyled. It says only what the server has reported: not whether a
// payment will succeed, and not for how long access lasts.

import type { ReactNode } from 'react';
import type { User } from '../types.js';
import { useTierSelector } from './tier.js';

/** Each text gets its date in words, and the user for anything else. */
export interface SubscriptionTexts {
  /** A payment failed or is late. `since` is null if the server does not report it. */
  pastDue: (since: string | null, user: User) => ReactNode;
  /** The subscription is going to be canceled. */
  ends: (date: string, user: User) => ReactNode;
  trialEnds: (date: string, user: User) => ReactNode;
}

export interface SubscriptionStatusProps {
  texts?: Partial<SubscriptionTexts>;
  className?: string;
  /** Language of the dates. Defaults to the page's `<html lang>`, then to the browser's. */
  locale?: string;
}

// Stripe's `past_due` also means an invoice that nobody has tried to charge, so “failed” may be wrong.
const TEXTS: SubscriptionTexts = {
  pastDue: (since) =>
    (since === null
      ? 'Your payment is overdue.'
      : `Your payment has been overdue since ${since}.`) + ' Please check your payment method.',
  ends: (date) => `Your plan ends on ${date}.`,
  trialEnds: (date) => `Your trial ends on ${date}.`,
};

export function SubscriptionStatus({
  texts,
  className = 'tierlift-subscription',
  locale,
}: SubscriptionStatusProps) {
  const user = useTierSelector((snapshot) => snapshot.user);
  const [name, message] = (user && noteFor(user, { ...TEXTS, ...texts }, locale)) ?? [];
  // The live region exists from the start: one that appears together with its text is not read out.
  return (
    <div
      className={className}
      data-status={name}
      role="status"
      aria-live="polite"
      aria-atomic="true"
    >
      {message}
    </div>
  );
}

type Note = [name: 'past_due' | 'ends' | 'trial_ends', message: ReactNode];

/** One note at a time: an overdue payment comes first, and then what ends first. */
function noteFor(user: User, texts: SubscriptionTexts, locale: string | undefined): Note | null {
  const { status, pastDueSince, cancelAt, trialEndsAt } = user;
  if (status === 'past_due' || status === 'unpaid') {
    return ['past_due', texts.pastDue(dateOf(pastDueSince, locale), user)];
  }
  const [ends, trialEnds] = [dateOf(cancelAt, locale), dateOf(trialEndsAt, locale)];
  const trialFirst = ends === null || timeOf(trialEndsAt) < timeOf(cancelAt);
  if (trialEnds !== null && trialFirst) return ['trial_ends', texts.trialEnds(trialEnds, user)];
  return ends === null ? null : ['ends', texts.ends(ends, user)];
}

const timeOf = (time: string | null): number => Date.parse(time ?? '');

/** A time as a date in words, in the visitor's time zone. Null for anything that is no time. */
function dateOf(time: string | null, locale: string | undefined): string | null {
  const ms = timeOf(time);
  if (Number.isNaN(ms)) return null;
  return dateFormat(locale ?? document.documentElement.lang).format(ms);
}

function dateFormat(locale: string): Intl.DateTimeFormat {
  const options = { dateStyle: 'long' } as const;
  try {
    return new Intl.DateTimeFormat(locale || undefined, options);
  } catch {
    // Not a language tag, such as `en_US`.
    return new Intl.DateTimeFormat(undefined, options);
  }
}
