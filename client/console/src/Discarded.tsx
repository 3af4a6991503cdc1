// What was discarded, by whom and why, until it is deleted.

import { useState } from 'react';
import { ActDialog } from './ActDialog';
import { Ago, CodeLink, Heading, Missing } from './bits';
import { useAnswer } from './answer';
import { act } from './api';
import { useMayAct } from './caller';
import { time } from './format';
import { to } from './place';
import type { Discarded as OneDiscarded } from './types';

export function Discarded() {
  const { data, error, reload } = useAnswer<OneDiscarded[]>('/dead-letters/discarded');
  const [undiscarding, setUndiscarding] = useState<string | null>(null);
  const mayAct = useMayAct();
  if (data === null) return <Missing error={error} />;
  return (
    <>
      <Heading back={to('dead-letters')}>Discarded</Heading>
      {data.length === 0 && <p className="card nothing">Nothing was discarded in 30 days.</p>}
      <ul className="rows">
        {data.map((one) => (
          <li key={one.event} className="card row">
            <span>
              <strong>{one.event}</strong> <small>{one.type}</small>
              <br />
              <CodeLink code={one.cause} />
            </span>
            <span>
              {one.actor}: {one.reason}
              <br />
              <small>
                <Ago at={one.discardedAt} />, deleted after {time(one.expiresAt)}
              </small>
            </span>
            {mayAct && (
              <button className="ghost" data-row onClick={() => setUndiscarding(one.event)}>
                Bring back
              </button>
            )}
          </li>
        ))}
      </ul>
      {undiscarding !== null && (
        <ActDialog
          title={`Bring ${undiscarding} back`}
          verb="Bring back"
          onAct={(reason) => act('/dead-letters/undiscard', { event: undiscarding }, reason)}
          onDone={reload}
          onClose={() => setUndiscarding(null)}
        />
      )}
    </>
  );
}
