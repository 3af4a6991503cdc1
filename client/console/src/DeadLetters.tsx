// Dead letters in groups: what is stuck, how much of it, since when, and what somebody noted about it.

import { Ago, Heading, Missing } from './bits';
import { useAnswer } from './answer';
import { query } from './api';
import { count, many } from './format';
import { go, to } from './place';
import type { Groups } from './types';

const LIVE_MS = 3_000;

const BY = [
  ['cause', 'Cause'],
  ['error', 'Error'],
  ['type', 'Event type'],
] as const;

function GroupBy({ by }: { by: string }) {
  return (
    <div className="tabs" role="group" aria-label="Group by">
      {BY.map(([value, name]) => (
        <button key={value} aria-pressed={by === value} onClick={() => go('dead-letters', value)}>
          {name}
        </button>
      ))}
    </div>
  );
}

export function DeadLetters({ by }: { by: string }) {
  const known = BY.some(([value]) => value === by) ? by : 'cause';
  const { data, error } = useAnswer<Groups>(query('/dead-letters/groups', { by: known }), LIVE_MS);
  if (data === null) return <Missing error={error} />;
  return (
    <>
      <div className="top">
        <Heading>{data.total === 0 ? 'No dead letters' : many(data.total, 'dead letter')}</Heading>
        <div className="top-end">
          <GroupBy by={known} />
          <a className="ghost" href={to('dead-letters', 'discarded')}>
            Discarded
          </a>
        </div>
      </div>
      {data.total === 0 && <p className="card nothing">Every event was applied.</p>}
      <ul className="groups">
        {data.groups.map((group) => (
          <li key={group.key}>
            <a className="card group" href={to('dead-letters', known, group.key)} data-row>
              <b className="group-count">{count(group.count)}</b>
              <span className="group-what">
                <strong className={known === 'cause' ? 'code' : ''}>{group.key}</strong>
                {known !== 'error' && <span className="group-error">{group.lastError}</span>}
                {group.note !== null && <span className="group-note">“{group.note}”</span>}
              </span>
              <span className="group-who">
                <span>{many(group.customers, 'customer')}</span>
                <span>{many(group.users, 'user')}</span>
              </span>
              <span className="group-when">
                <span>
                  last <Ago at={group.lastAt} />
                </span>
                <span>
                  first <Ago at={group.firstAt} />
                </span>
              </span>
            </a>
          </li>
        ))}
      </ul>
      {data.others > 0 && (
        <p className="quiet">{many(data.others, 'dead letter')} are in further groups.</p>
      )}
    </>
  );
}
