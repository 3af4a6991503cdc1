// A checkout that takes no money. Paying makes the server send itself the webhooks of a new
// subscription, and then returns the way Stripe does: with a real navigation.

import { useState } from 'react';
import type { User } from '@tierlift/client';
import { simulate } from './client';
import { Icon } from '../../parts/icons';
import { isSlow } from './settings';
import { noteSent } from './measure';

async function pay(userId: string): Promise<void> {
  const slow = isSlow();
  const acknowledged = noteSent(slow ? 'checkout, webhook delayed by 8 s' : 'checkout');
  await simulate(userId, slow ? 'slow' : 'upgrade', slow ? 8_000 : undefined);
  if (!slow) acknowledged();
  location.assign(`/demo?return&session_id=cs_demo_${Date.now()}`);
}

export function Checkout({ user }: { user: User }) {
  const [state, setState] = useState<'ready' | 'paying' | { error: string }>('ready');
  const submit = (): void => {
    setState('paying');
    pay(user.userId).catch((error: unknown) =>
      setState({ error: error instanceof Error ? error.message : String(error) }),
    );
  };
  return (
    <section className="checkout">
      <div className="order">
        <a className="back" href="/demo">
          <Icon name="back" /> Back
        </a>
        <h1 className="order-title">Paid plan</h1>
        <p className="price">
          $12<small>.00 per month</small>
        </p>
        <dl className="bill">
          <dt>Paid plan, monthly</dt>
          <dd>$12.00</dd>
          <dt>Tax</dt>
          <dd>$0.00</dd>
          <dt className="total">Due today</dt>
          <dd className="total">$12.00</dd>
        </dl>
      </div>
      <form
        className="card pay"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <p className="notice">Simulated checkout: no card is charged.</p>
        <label htmlFor="card">Card number</label>
        <input id="card" value="4242 4242 4242 4242" readOnly />
        <div className="two">
          <div>
            <label htmlFor="expiry">Expiry</label>
            <input id="expiry" value="12 / 34" readOnly />
          </div>
          <div>
            <label htmlFor="cvc">CVC</label>
            <input id="cvc" value="123" readOnly />
          </div>
        </div>
        <button className="primary" disabled={state === 'paying'}>
          <Icon name="card" />
          {state === 'paying' ? 'Paying…' : 'Pay $12.00'}
        </button>
        <p className="error" role="alert">
          {typeof state === 'object' && state.error}
        </p>
      </form>
    </section>
  );
}
