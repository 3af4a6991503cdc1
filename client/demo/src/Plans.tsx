// The two plans. Whoever has a payment under way is told about it and not offered to pay again.

import type { User } from '@tierlift/client';
import { UpgradeStatus, useTierUpgrade } from '@tierlift/client/react';
import { Icon } from './icons';

const FREE = ['One project', 'Community answers'];
const PAID = ['Unlimited projects', 'The premium report below', 'Answers within a day'];

function Features({ items }: { items: string[] }) {
  return (
    <ul className="ticks small">
      {items.map((item) => (
        <li key={item}>
          <Icon name="check" /> {item}
        </li>
      ))}
    </ul>
  );
}

function PaidAction({ has }: { has: boolean }) {
  const { status, attempt, stop } = useTierUpgrade();
  const waiting = status === 'pending' || status === 'timed_out';
  return (
    <div className="action" data-watch={status}>
      <UpgradeStatus className="watch" />
      {status === 'pending' && (
        <div className="progress" data-attempt={attempt} aria-hidden="true">
          <i style={{ width: `${(attempt / 7) * 100}%` }} />
        </div>
      )}
      {status === 'timed_out' && (
        <button className="link" onClick={stop}>
          I did not pay
        </button>
      )}
      {!waiting && has && <p className="current">Your current plan</p>}
      {!waiting && !has && (
        <a className="primary" href="/demo?checkout">
          <Icon name="bolt" /> Upgrade for $12
        </a>
      )}
    </div>
  );
}

export function Plans({ user }: { user: User }) {
  const has = user.role !== 'free';
  return (
    <section className="plans" aria-label="Plans">
      <article className="card plan" data-current={!has}>
        <h2>Free</h2>
        <p className="price">
          $0<small> forever</small>
        </p>
        <Features items={FREE} />
        <div className="action">
          <p className="current">{has ? 'Included' : 'Your current plan'}</p>
        </div>
      </article>
      <article className="card plan best" data-current={has}>
        <h2>Paid</h2>
        <p className="price">
          $12<small> per month</small>
        </p>
        <Features items={PAID} />
        <PaidAction has={has} />
      </article>
    </section>
  );
}
