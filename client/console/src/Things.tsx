// Subscriptions and purchases, each with its owner.

import { UserLink } from './bits';
import type { CustomerState } from './types';

export function Things({ things }: Pick<CustomerState, 'things'>) {
  return (
    <ul className="things">
      {things.map((thing) => (
        <li key={thing.id}>
          <code>{thing.id}</code>
          <span>{thing.status ?? 'purchase'}</span>
          <span>{thing.owner === null ? 'nobody’s' : <UserLink id={thing.owner} />}</span>
        </li>
      ))}
    </ul>
  );
}
