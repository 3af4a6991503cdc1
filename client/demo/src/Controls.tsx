// The switches that make trouble. Each does the real thing: a late webhook, a socket that closes, more
// than a hundred signed webhooks out of order.

import { useState, useSyncExternalStore } from 'react';
import { toast } from 'sonner';
import type { User } from '@tierlift/client';
import { isBroken, onBroken, setBroken } from './breakable-socket';
import { simulate } from './client';
import type { Action } from './client';
import { Icon } from '../../parts/icons';
import { isSlow, onSlow, setSlow } from './settings';
import { noteSent } from './measure';

interface SwitchProps {
  label: string;
  hint: string;
  on: boolean;
  onChange: (on: boolean) => void;
}

function Switch({ label, hint, on, onChange }: SwitchProps) {
  return (
    <button className="switch" role="switch" aria-checked={on} onClick={() => onChange(!on)}>
      <span>
        <strong>{label}</strong>
        <small>{hint}</small>
      </span>
      <i />
    </button>
  );
}

function useAction(user: User) {
  const [busy, setBusy] = useState<Action | null>(null);
  const run = (action: Action, label: string): void => {
    setBusy(action);
    const acknowledged = noteSent(label);
    simulate(user.userId, action)
      .then((events) => {
        acknowledged();
        if (action === 'storm') toast.message(`${events} webhooks sent, shuffled and repeated.`);
      })
      .catch((error: unknown) =>
        toast.error(error instanceof Error ? error.message : String(error)),
      )
      .finally(() => setBusy(null));
  };
  return { busy, run };
}

export function Controls({ user }: { user: User }) {
  const slow = useSyncExternalStore(onSlow, isSlow);
  const broken = useSyncExternalStore(onBroken, isBroken);
  const { busy, run } = useAction(user);
  const paid = user.subscriptionActive;
  return (
    <section className="card controls" aria-label="Make trouble">
      <h2>Make trouble</h2>
      <Switch
        label="Slow webhook"
        hint="The next checkout’s webhook is 8 s late"
        on={slow}
        onChange={setSlow}
      />
      <Switch
        label="Drop my socket"
        hint="Every socket of this browser closes; polling takes over"
        on={broken}
        onChange={setBroken}
      />
      <div className="buttons">
        <button
          className="ghost"
          disabled={busy !== null}
          onClick={() => run('storm', 'webhook storm')}
        >
          <Icon name="storm" /> {busy === 'storm' ? 'Storming…' : 'Webhook storm'}
        </button>
        <button
          className="ghost"
          disabled={!paid || busy !== null}
          onClick={() => run('past_due', 'payment failed')}
        >
          Fail a payment
        </button>
        <button
          className="ghost danger"
          disabled={!paid || busy !== null}
          onClick={() => run('downgrade', 'subscription cancelled')}
        >
          Cancel subscription
        </button>
      </div>
    </section>
  );
}
