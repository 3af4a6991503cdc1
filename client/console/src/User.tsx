// A user: why they have their role, what does not count, what comes next, and their timeline.

import { useState } from 'react';
import { ActDialog } from './ActDialog';
import { Timeline } from './Timeline';
import { CustomerLink, EventLink, Heading, Missing, Role } from './bits';
import { useAnswer } from './answer';
import { act, query } from './api';
import { useMayAct } from './caller';
import { many, time } from './format';
import { to } from './place';
import type { RoleExplanation, Rows } from './types';

type Open = 'grant' | 'revoke' | 'erase' | null;

function Acts({ user, onDone }: { user: string; onDone: () => void }) {
  const [open, setOpen] = useState<Open>(null);
  const close = (): void => setOpen(null);
  if (!useMayAct()) return null;
  return (
    <div className="top-end">
      <button className="ghost" onClick={() => setOpen('grant')}>
        Grant a role
      </button>
      <button className="ghost danger" onClick={() => setOpen('revoke')}>
        End all sessions
      </button>
      <button className="ghost danger" onClick={() => setOpen('erase')}>
        Erase
      </button>
      {open === 'grant' && (
        <ActDialog
          title={`Grant a role to ${user}`}
          verb="Grant"
          onAct={(reason, form) => {
            const role = form.get('role');
            const named = typeof role === 'string' && role.trim() !== '' ? role.trim() : null;
            return act('/grant', { user, role: named }, reason);
          }}
          onDone={onDone}
          onClose={close}
        >
          <label htmlFor="role">Role; empty takes it back</label>
          <input id="role" name="role" data-first autoComplete="off" />
        </ActDialog>
      )}
      {open === 'revoke' && (
        <ActDialog
          title={`End all sessions of ${user}`}
          verb="End them"
          danger
          onAct={(reason) => act('/revoke', { user }, reason)}
          onDone={onDone}
          onClose={close}
        >
          <p>Every token that was issued until now is void. The role stays.</p>
        </ActDialog>
      )}
      {open === 'erase' && (
        <ActDialog
          title={`Erase ${user}`}
          verb="Erase permanently"
          danger
          onAct={(reason, form) => {
            if (form.get('user') !== user)
              return Promise.reject(new Error('That is another user.'));
            return act('/erase', { user }, reason);
          }}
          onDone={onDone}
          onClose={close}
        >
          <p>
            Their account, what customers have of them, dead letters and notes go; sessions end. The
            ledger keeps a pseudonym. It cannot be undone.
          </p>
          <label htmlFor="user">Their id, to confirm</label>
          <input id="user" name="user" required data-first autoComplete="off" />
        </ActDialog>
      )}
    </div>
  );
}

function Why({ it }: { it: RoleExplanation }) {
  return (
    <section className="card" aria-labelledby="why">
      <h2 id="why">Why</h2>
      <ul className="things">
        {it.manualRole !== null && (
          <li>
            <Role name={it.manualRole} />{' '}
            <span>
              granted by hand{it.manualUntil !== null && `, until ${time(it.manualUntil)}`}
            </span>
          </li>
        )}
        {it.granted.map((grant) => (
          <li key={grant.id}>
            <Role name={grant.role} change="to" />
            <span>
              granted by <code>{grant.id}</code>
            </span>
            <span>{grant.until === null ? 'without an end' : `until ${time(grant.until)}`}</span>
          </li>
        ))}
        {it.counts.map((source) => (
          <li key={`${source.id} ${source.by}`}>
            <Role name={source.role} change="to" />
            <span>
              <code>{source.id}</code> of <CustomerLink id={source.customer} />, by{' '}
              <code>{source.by}</code>
            </span>
            <span>{source.until === null ? 'without an end' : `until ${time(source.until)}`}</span>
          </li>
        ))}
        {it.counts.length === 0 && it.granted.length === 0 && it.manualRole === null && (
          <li className="quiet">Nothing earns a role.</li>
        )}
      </ul>
      {it.doesNotCount.length > 0 && <h3>Paid for, and does not count</h3>}
      <ul className="things">
        {it.doesNotCount.map((thing) => (
          <li key={thing.id}>
            <code>{thing.id}</code>
            <span>{thing.reason}</span>
            <CustomerLink id={thing.customer} />
          </li>
        ))}
      </ul>
      {it.next !== null && (
        <p className="quiet">
          {it.next.role} from {time(it.next.at)} on, if no event comes.
        </p>
      )}
    </section>
  );
}

export function User({ id }: { id: string }) {
  const explained = useAnswer<RoleExplanation>(query('/explain', { user: id }));
  const ledger = useAnswer<Rows>(query('/ledger', { user: id }));
  const it = explained.data;
  const reload = (): void => {
    explained.reload();
    ledger.reload();
  };
  return (
    <>
      <div className="top">
        <Heading back={to('search')}>
          {id} {it !== null && <Role name={it.role} />}
        </Heading>
        <Acts user={id} onDone={reload} />
      </div>
      {it === null ? (
        <Missing error={explained.error} />
      ) : (
        <>
          <p className="group-line">
            {many(it.revocationId, 'role change')} so far
            {it.assignedAt !== null && `, the latest ${time(it.assignedAt)}`}
            {it.assignedBy !== null && (
              <>
                {' '}
                by <EventLink id={it.assignedBy} />
              </>
            )}
          </p>
          <div className="columns">
            <Why it={it} />
            <section className="card" aria-labelledby="timeline">
              <h2 id="timeline">Timeline</h2>
              {ledger.data === null ? (
                <Missing error={ledger.error} />
              ) : (
                <Timeline rows={ledger.data.rows} />
              )}
            </section>
          </div>
        </>
      )}
    </>
  );
}
