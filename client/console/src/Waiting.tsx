// What was paid for and reaches nobody, and what was given back of an unknown payment: which, since when, and whose it is
// from now on.

import { useState } from 'react';
import { LinkDialog } from './LinkDialog';
import { Ago, CodeLink, CustomerLink, Heading, Missing } from './bits';
import { useAnswer } from './answer';
import { useMayAct } from './caller';
import { count, many } from './format';
import type { Status, Waiting as OneWaiting } from './types';

const LIVE_MS = 5_000;
/** What has a customer, or is a guest's purchase. Of what was given back nobody knows what it paid for. */
const LINKABLE = 'owner.unknown';

function Row({ one, onLink }: { one: OneWaiting; onLink: () => void }) {
  const linkable = one.cause === LINKABLE;
  const mayAct = useMayAct();
  return (
    <li className="card row">
      <strong>{linkable ? <CustomerLink id={one.id} /> : one.id}</strong>
      <span>
        <CodeLink code={one.cause} />
        <br />
        <small>
          waits since <Ago at={one.since} />
        </small>
      </span>
      {mayAct && linkable && (
        <button
          className="ghost"
          data-row
          aria-label={`Link to a user: ${one.id}`}
          onClick={onLink}
        >
          Link to a user
        </button>
      )}
    </li>
  );
}

export function Waiting() {
  const { data, error, reload } = useAnswer<OneWaiting[]>('/waiting', LIVE_MS);
  const { data: status } = useAnswer<Status>('/status', LIVE_MS);
  const [linking, setLinking] = useState<string | null>(null);
  if (data === null) return <Missing error={error} />;
  const ownerless = data.filter((one) => one.cause === LINKABLE).length;
  const all = Math.max(ownerless, status?.waiting ?? 0);
  return (
    <>
      <Heading back="#/">Paid for, without an owner</Heading>
      {all > ownerless && (
        <p className="group-line">
          The oldest {count(ownerless)} of {many(all, 'customer')}.
        </p>
      )}
      {data.length === 0 && <p className="card nothing">Nothing waits.</p>}
      <ul className="rows">
        {data.map((one) => (
          <Row key={`${one.id} ${one.cause}`} one={one} onLink={() => setLinking(one.id)} />
        ))}
      </ul>
      {linking !== null && (
        <LinkDialog customer={linking} onDone={reload} onClose={() => setLinking(null)} />
      )}
    </>
  );
}
