// The two plans. A visitor whose payment is under way sees its progress, and no second offer to pay. A
// visitor who has paid sees what there is to know about the subscription.

import type { User } from '@tierlift/client';
import { SubscriptionStatus, UpgradeStatus, useTierUpgrade } from '@tierlift/client/react';
import { Icon } from '../../parts/icons';

const FEATURES = ['Unlimited projects', 'The premium report below', 'Answers within a day'];

/** Short enough for the space that the card reserves for its tallest message. */
const TEXTS = {
  timedOut:
    'We do not see a payment yet. If you have paid, your plan appears here by itself, and ' +
    'you need not pay again.',
  dismiss: 'I did not pay',
};

function Note({ has }: { has: boolean }) {
  const text = has
    ? 'Cancel at any time, right on this page.'
    : 'A simulated checkout: no card is charged, but the webhooks are signed and sent for real.';
  return <p className="note">{text}</p>;
}

function PaidAction({ has }: { has: boolean }) {
  const { status, attempt } = useTierUpgrade();
  const waiting = status === 'pending' || status === 'timed_out';
  return (
    <div className="action" data-watch={status}>
      <UpgradeStatus className="watch" texts={TEXTS} />
      <SubscriptionStatus className="subscription" />
      {status === 'pending' && (
        <>
          <div className="progress" data-attempt={attempt} aria-hidden="true">
            <i style={{ width: `${(attempt / 7) * 100}%` }} />
          </div>
          <p className="note">You can reload or leave: every tab of yours keeps waiting.</p>
        </>
      )}
      {!waiting && has && <p className="current">Your current plan</p>}
      {!waiting && !has && (
        <a className="primary" href="/demo?checkout">
          <Icon name="bolt" /> Upgrade for $12
        </a>
      )}
      {!waiting && <Note has={has} />}
    </div>
  );
}

export function Plans({ user }: { user: User }) {
  const has = user.role !== 'free';
  return (
    <>
      <article className="card plan best" data-current={has} aria-label="Paid plan">
        <div className="offer">
          <h2>Paid</h2>
          <p className="price">
            $12<small> per month</small>
          </p>
          <ul className="ticks small">
            {FEATURES.map((feature) => (
              <li key={feature}>
                <Icon name="check" /> {feature}
              </li>
            ))}
          </ul>
        </div>
        <PaidAction has={has} />
      </article>
      <article className="card plan basic" aria-label="Free plan">
        <h2>Free</h2>
        <p>$0, one project</p>
        <p className="tag">{has ? 'Included' : 'Your plan'}</p>
      </article>
    </>
  );
}
