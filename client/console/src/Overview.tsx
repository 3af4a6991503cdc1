// How the deployment is, at a glance: one sentence, the last half hour in charts, and what needs somebody.

import { useState } from 'react';
import { Icon } from '../../parts/icons';
import { ActDialog } from './ActDialog';
import { Chart } from './Chart';
import { Ago, EventLink, Heading, Missing } from './bits';
import { act } from './api';
import { useAnswer } from './answer';
import { useMayAct } from './caller';
import { count, duration, many } from './format';
import { to } from './place';
import type { History, Sample, Status, WebhooksStatus } from './types';

const LIVE_MS = 2_000;

/** A number, or that only another place has it. */
const known = (value: number | null): string => (value === null ? '–' : count(value));

function sentence(status: Status): [tone: 'good' | 'warn' | 'bad', text: string] {
  if (status.paused !== null) return ['warn', 'The worker is paused'];
  if (status.deadLetters > 0)
    return [
      'bad',
      `${many(status.deadLetters, 'dead letter')} ${status.deadLetters === 1 ? 'waits' : 'wait'} for you`,
    ];
  if (status.waiting > 0) return ['warn', `${many(status.waiting, 'payment')} without an owner`];
  if ((status.oldestAgeSecs ?? 0) > 60) return ['warn', 'The queue lags'];
  return ['good', 'Everything is applied'];
}

function Pause({ status, onDone }: { status: Status; onDone: () => void }) {
  const [open, setOpen] = useState(false);
  const paused = status.paused !== null;
  if (!useMayAct()) return null;
  return (
    <>
      <button className="ghost" onClick={() => setOpen(true)}>
        <Icon name={paused ? 'play' : 'pause'} /> {paused ? 'Resume' : 'Pause'} the worker
      </button>
      {open && (
        <ActDialog
          title={paused ? 'Resume the worker' : 'Pause the worker'}
          verb={paused ? 'Resume' : 'Pause'}
          onAct={(reason) => act('/pause', { paused: !paused }, reason)}
          onDone={onDone}
          onClose={() => setOpen(false)}
        >
          <p>
            {paused
              ? 'What waits in the queue is applied from then on.'
              : 'Webhooks are acknowledged and wait in the queue until somebody resumes the worker.'}
          </p>
        </ActDialog>
      )}
    </>
  );
}

function Charts({ status, history }: { status: Status; history: History }) {
  const { samples, intervalSecs } = history;
  const of = (pick: (sample: Sample) => number | null) => samples.map(pick);
  const sum = (values: (number | null)[]) => values.reduce<number>((all, it) => all + (it ?? 0), 0);
  const minute = samples.slice(-Math.ceil(60 / intervalSecs));
  const lag = samples.findLast((sample) => sample.lagSecs !== null)?.lagSecs ?? null;
  const changes = of((sample) => sample.roleChanges);
  const sockets = samples.at(-1)?.sockets ?? 0;
  const { oldestAgeSecs: oldest } = status;
  return (
    <div className="tiles">
      <Chart
        name="Events applied"
        value={count(minute.reduce((all, sample) => all + sample.applied, 0))}
        hint="in the last minute"
        values={of((sample) => sample.applied)}
      />
      <Chart
        name="Lag"
        value={lag === null ? '–' : `≤ ${duration(lag)}`}
        hint="from webhook to commit, 99 %"
        values={of((sample) => sample.lagSecs)}
      />
      <Chart
        name="Role changes"
        value={count(sum(changes))}
        hint="in the last half hour"
        values={changes}
      />
      <Chart
        name="Live sockets"
        value={count(sockets)}
        hint="browsers that are pushed to"
        values={of((sample) => sample.sockets)}
      />
      <Chart
        name="Queue"
        value={count(status.queued)}
        hint={oldest === null ? 'nothing waits' : `the oldest for ${duration(oldest)}`}
        values={of((sample) => sample.queued)}
      />
      <Chart
        name="Dead letters"
        value={count(status.deadLetters)}
        hint={status.deadLetters === 0 ? 'nothing is stuck' : 'could not be applied'}
        values={of((sample) => sample.deadLetters)}
        tone={status.deadLetters === 0 ? 'good' : 'bad'}
      />
    </div>
  );
}

function Causes({ status }: { status: Status }) {
  const causes = Object.entries(status.deadLettersByCause).sort(([, a], [, b]) => b - a);
  const most = Math.max(1, ...causes.map(([, number]) => number));
  return (
    <section className="card" aria-labelledby="causes">
      <h2 id="causes">Dead letters by cause</h2>
      {causes.length === 0 && <p className="quiet">There are none.</p>}
      <ul className="causes">
        {causes.map(([cause, number]) => (
          <li key={cause}>
            <a href={to('dead-letters', 'cause', cause)} data-row>
              <span className="code">{cause}</span>
              <b>{count(number)}</b>
              <meter max={most} value={number} aria-hidden="true" />
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** On AWS, which sends no webhooks to hosts, the server has no such answer. */
function ToHost() {
  const { data } = useAnswer<WebhooksStatus>('/webhooks');
  if (data === null) return null;
  return (
    <div>
      <dt>Webhooks to the host</dt>
      <dd>
        <a href={to('webhooks')} data-row>
          {count(data.pending)} pending
        </a>
        {data.dead > 0 && <small> {count(data.dead)} dead</small>}
      </dd>
    </div>
  );
}

function Facts({ status }: { status: Status }) {
  return (
    <section className="card" aria-labelledby="facts">
      <h2 id="facts">Also</h2>
      <dl className="facts">
        <div>
          <dt>Without an owner</dt>
          <dd>
            <a href={to('waiting')} data-row>
              {count(status.waiting)} waiting
            </a>
            {status.waitingSince && (
              <small>
                {' '}
                since <Ago at={status.waitingSince} />
              </small>
            )}
          </dd>
        </div>
        <div>
          <dt>Webhooks in the last minute</dt>
          <dd>{known(status.webhooksLastMinute)}</dd>
        </div>
        <div>
          <dt>In flight</dt>
          <dd>{known(status.inFlight)}</dd>
        </div>
        {status.thinQueued !== null && (
          <div>
            <dt>Thin events that wait for Stripe</dt>
            <dd>{count(status.thinQueued)}</dd>
          </div>
        )}
        <div>
          <dt>Last applied</dt>
          <dd>
            {status.lastAppliedAt ? <Ago at={status.lastAppliedAt} /> : '–'}
            {status.lastEvent && (
              <small>
                {' '}
                <EventLink id={status.lastEvent.event} />
              </small>
            )}
          </dd>
        </div>
        <div>
          <dt>Drift from Stripe</dt>
          <dd>
            {status.drift === null ? (
              'never compared'
            ) : (
              <>
                {count(status.drift.fixed)} of {count(status.drift.checked)}
                <small>
                  {' '}
                  <Ago at={status.drift.endedAt ?? status.drift.begunAt} />
                </small>
              </>
            )}
          </dd>
        </div>
        <ToHost />
        <div>
          <dt>Worker</dt>
          <dd>{status.paused === null ? 'runs' : 'paused'}</dd>
        </div>
      </dl>
    </section>
  );
}

export function Overview() {
  const { data: status, error, reload } = useAnswer<Status>('/status', LIVE_MS);
  const { data: history } = useAnswer<History>('/history', LIVE_MS);
  if (status === null) return <Missing error={error} />;
  const [tone, text] = sentence(status);
  return (
    <>
      <div className="top">
        <Heading>
          <span className={`dot ${tone}`} aria-hidden="true" /> {text}
        </Heading>
        <Pause status={status} onDone={reload} />
      </div>
      {error !== null && (
        <p className="note-line bad" role="alert">
          {error.message} What is shown is from before.
        </p>
      )}
      {status.paused !== null && <p className="note-line warn">Paused {status.paused}</p>}
      <Charts status={status} history={history ?? { intervalSecs: 5, samples: [] }} />
      <div className="columns">
        <Causes status={status} />
        <Facts status={status} />
      </div>
    </>
  );
}
