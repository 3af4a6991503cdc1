// One group: its dead letters, the chosen one beside them, and what can be done with all of them.

import { useState } from 'react';
import { Icon } from '../../parts/icons';
import { ActDialog } from './ActDialog';
import { DeadLetter } from './DeadLetter';
import { Redrive } from './Redrive';
import { Ago, CodeLink, Heading, Missing } from './bits';
import { useAnswer } from './answer';
import { act, query } from './api';
import { useMayAct } from './caller';
import { count, many } from './format';
import { to } from './place';
import type { Group as OneGroup, Groups, Listed } from './types';

const LIVE_MS = 3_000;
const LISTED_MAX = 100;

interface Props {
  by: string;
  of: string;
  event: string | null;
}

type Open = 'redrive' | 'note' | 'discard' | null;

function Buttons({ event, onOpen }: { event: string | null; onOpen: (open: Open) => void }) {
  if (!useMayAct()) return <span className="chip">read-only token</span>;
  return (
    <div className="top-end">
      <button className="ghost" data-key="n" onClick={() => onOpen('note')}>
        <Icon name="note" /> Note <kbd aria-hidden="true">n</kbd>
      </button>
      {event !== null && (
        <button className="ghost danger" data-key="x" onClick={() => onOpen('discard')}>
          <Icon name="bin" /> Discard <kbd aria-hidden="true">x</kbd>
        </button>
      )}
      <button className="primary" data-key="r" onClick={() => onOpen('redrive')}>
        <Icon name="redrive" /> Redrive <kbd aria-hidden="true">r</kbd>
      </button>
    </div>
  );
}

function List({ by, of, event, listed }: Props & { listed: Listed[] }) {
  return (
    <ul className="list" aria-label="Dead letters of the group">
      {listed.map((one) => (
        <li key={one.event}>
          <a
            href={to('dead-letters', by, of, one.event)}
            aria-current={one.event === event ? 'true' : undefined}
            data-row
          >
            <strong>{one.event}</strong>
            <span>{one.type}</span>
            <span>
              {one.failures > 1 ? `${one.failures} failures, ` : ''}
              <Ago at={one.lastAt} />
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}

function Dialogs(
  props: Props & { open: Open; group: OneGroup; onDone: () => void; onClose: () => void },
) {
  const { by, of, event, open, group, onDone, onClose } = props;
  const filter = { [by]: of };
  if (open === 'redrive')
    return (
      <Redrive
        filter={filter}
        count={group.count}
        event={event}
        onDone={onDone}
        onClose={onClose}
      />
    );
  if (open === 'note')
    return (
      <ActDialog
        title="Note on the group"
        label="Note, for everybody who looks at it"
        verb="Save the note"
        onAct={(reason) => act('/dead-letters/note', { group: of }, reason)}
        onDone={onDone}
        onClose={onClose}
      />
    );
  if (open === 'discard' && event !== null)
    return (
      <ActDialog
        title={`Discard ${event}`}
        verb="Discard"
        onAct={(reason) => act('/dead-letters/discard', { event }, reason)}
        onDone={onDone}
        onClose={onClose}
      >
        <p>It is applied to nobody. For 30 days it can be brought back.</p>
      </ActDialog>
    );
  return null;
}

const EMPTY = { firstAt: '', lastAt: '', lastError: '', lastEvent: '', customers: 0, users: 0 };

export function Group({ by, of, event }: Props) {
  const filter = { [by]: of };
  const groups = useAnswer<Groups>(query('/dead-letters/groups', { by, ...filter }), LIVE_MS);
  const max = String(LISTED_MAX);
  const list = useAnswer<Listed[]>(query('/dead-letters', { ...filter, max }), LIVE_MS);
  const [open, setOpen] = useState<Open>(null);
  if (groups.data === null) return <Missing error={groups.error} />;
  const known = groups.data.groups.find((group) => group.key === of);
  const group: OneGroup = known ?? { key: of, count: 0, note: null, ...EMPTY };
  const listed = list.data ?? [];
  const shown = event ?? listed[0]?.event ?? null;
  const reload = (): void => {
    groups.reload();
    list.reload();
  };
  return (
    <>
      <div className="top">
        <Heading back={to('dead-letters', by)}>
          <span className={by === 'cause' ? 'code' : ''}>{of}</span>
        </Heading>
        {group.count > 0 && <Buttons event={shown} onOpen={setOpen} />}
      </div>
      <p className="group-line">
        {many(group.count, 'dead letter')}, {many(group.customers, 'customer')},{' '}
        {many(group.users, 'user')}
        {by === 'cause' && (
          <>
            . What to do: <CodeLink code={of} />
          </>
        )}
        {group.note !== null && <em> “{group.note}”</em>}
      </p>
      {group.count === 0 && <p className="card nothing">Nothing is left of this group.</p>}
      <div className="split">
        {listed.length > 0 && (
          <div className="card list-card">
            <List by={by} of={of} event={shown} listed={listed} />
            {group.count > listed.length && (
              <p className="quiet">
                The oldest {count(listed.length)} of {count(group.count)}.
              </p>
            )}
          </div>
        )}
        {shown !== null && <DeadLetter event={shown} key={shown} />}
      </div>
      <Dialogs
        {...{ by, of, group, open }}
        event={shown}
        onDone={reload}
        onClose={() => setOpen(null)}
      />
    </>
  );
}
