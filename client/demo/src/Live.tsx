// The live state, exactly as the client reports it.

import type { ConnectionName, TabPosition, User } from '@tierlift/client';
import { useTier } from '@tierlift/client/react';
import { Icon } from '../../parts/icons';

const CONNECTION: Record<ConnectionName, [mood: string, text: string]> = {
  idle: ['off', 'Starting'],
  authorizing: ['busy', 'Connecting'],
  dialing: ['busy', 'Connecting'],
  open: ['on', 'Socket, live'],
  asking: ['busy', 'Polling'],
  waiting: ['busy', 'Polling'],
  refused: ['off', 'Refused'],
};

const POSITION: Record<TabPosition, string> = {
  leader: 'Leader',
  follower: 'Follower',
  solo: 'On its own',
};

function connectionOf(position: TabPosition, connection: ConnectionName): [string, string] {
  return position === 'follower' ? ['on', 'Through the leader'] : CONNECTION[connection];
}

/** Stripe's status in words. An older server only says whether there is a subscription. */
function subscriptionOf({ status, subscriptionActive }: User): string {
  const text = status ?? (subscriptionActive ? 'active' : 'none');
  return text.charAt(0).toUpperCase() + text.slice(1).replaceAll('_', ' ');
}

export function Live({ user }: { user: User }) {
  const { position, connection, features } = useTier();
  const [mood, text] = connectionOf(position, connection);
  return (
    <section className="card live" aria-label="Live state">
      <div className="live-head">
        <div>
          <h2>Your role, live</h2>
          <p className="role" key={user.role} data-role={user.role} data-testid="role">
            {user.role}
          </p>
        </div>
        <a className="ghost" href="/demo" target="_blank" rel="noopener">
          <Icon name="tab" /> Second tab
        </a>
      </div>
      <dl className="facts">
        <dt>Revocation id</dt>
        <dd data-testid="revocation-id">{user.revocationId}</dd>
        <dt>Connection</dt>
        <dd data-testid="connection" data-connection={connection}>
          <i className="dot" data-mood={mood} /> {text}
        </dd>
        <dt>This tab</dt>
        <dd data-testid="position" data-position={position}>
          {POSITION[position]}
        </dd>
        <dt>Subscription</dt>
        <dd data-testid="subscription">{subscriptionOf(user)}</dd>
        <dt>Features</dt>
        <dd className="one-line" data-testid="features">
          {features.join(', ') || 'None'}
        </dd>
      </dl>
    </section>
  );
}
