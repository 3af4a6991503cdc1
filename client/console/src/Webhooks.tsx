// Webhooks to the host: how many wait and why, and those that are dead, which can be sent again or discarded.

import { useState } from 'react';
import { ActDialog } from './ActDialog';
import { Ago, Heading, Missing, UserLink } from './bits';
import { useAnswer } from './answer';
import { act } from './api';
import { useMayAct } from './caller';
import { count, duration, many } from './format';
import type { DeadWebhook, DeadWebhooks, WebhooksStatus } from './types';

const LIVE_MS = 5_000;

function sentence(status: WebhooksStatus): string {
  if (status.pending === 0) return 'The host has accepted every webhook';
  const wait = status.pending === 1 ? 'waits' : 'wait';
  return `${many(status.pending, 'webhook')} ${wait} for the host`;
}

interface Choice {
  verb: 'Redrive' | 'Discard';
  ids: string[];
}

function Dead({ one, onChoose }: { one: DeadWebhook; onChoose: (choice: Choice) => void }) {
  const ids = [one.id];
  return (
    <li className="card row">
      <span>
        <strong>{one.type}</strong> of <UserLink id={one.user} />
        <br />
        <small>{one.id}</small>
      </span>
      <span>
        {one.error}
        <br />
        <small>
          {many(one.attempts, 'attempt')}, given up <Ago at={one.failedAt} />
        </small>
      </span>
      {useMayAct() && (
        <span className="row-acts">
          <button className="ghost" data-row onClick={() => onChoose({ verb: 'Redrive', ids })}>
            Redrive
          </button>
          <button className="ghost danger" onClick={() => onChoose({ verb: 'Discard', ids })}>
            Discard
          </button>
        </span>
      )}
    </li>
  );
}

export function Webhooks() {
  const status = useAnswer<WebhooksStatus>('/webhooks', LIVE_MS);
  const dead = useAnswer<DeadWebhooks>('/webhooks/dead', LIVE_MS);
  const [choice, setChoice] = useState<Choice | null>(null);
  const mayAct = useMayAct();
  if (status.data === null) return <Missing error={status.error} />;
  const { users, oldestAgeSecs, error } = status.data;
  const rows = dead.data?.rows ?? [];
  const ids = rows.map((one) => one.id);
  const reload = (): void => {
    status.reload();
    dead.reload();
  };
  return (
    <>
      <div className="top">
        <Heading back="#/">{sentence(status.data)}</Heading>
        {mayAct && rows.length > 1 && (
          <button
            className="primary"
            data-key="r"
            onClick={() => setChoice({ verb: 'Redrive', ids })}
          >
            Redrive {count(rows.length)} <kbd aria-hidden="true">r</kbd>
          </button>
        )}
      </div>
      {status.data.pending > 0 && (
        <p className="note-line warn">
          Of {many(users, 'user')}, the oldest for {duration(oldestAgeSecs ?? 0)}
          {error !== null && `: ${error}`}
        </p>
      )}
      <h2>{rows.length === 0 ? 'None is dead' : `${count(status.data.dead)} dead`}</h2>
      <ul className="rows">
        {rows.map((one) => (
          <Dead key={one.id} one={one} onChoose={setChoice} />
        ))}
      </ul>
      {choice !== null && (
        <ActDialog
          title={`${choice.verb} ${many(choice.ids.length, 'webhook')}`}
          verb={choice.verb}
          danger={choice.verb === 'Discard'}
          onAct={(reason) =>
            act(`/webhooks/${choice.verb.toLowerCase()}`, { ids: choice.ids }, reason)
          }
          onDone={reload}
          onClose={() => setChoice(null)}
        >
          <p>
            {choice.verb === 'Redrive'
              ? 'They are sent again, older than what the host has since: it compares.'
              : 'The host never gets them. It cannot be undone.'}
          </p>
        </ActDialog>
      )}
    </>
  );
}
