// The redrive: first what it would do, then a reason, then its progress.

import { useEffect, useRef, useState } from 'react';
import { Dialog } from './Dialog';
import { useAnswer } from './answer';
import { Refused, query } from './api';
import { count, many } from './format';
import { READY, redrive } from './redriving';
import type { Progress } from './redriving';
import type { Redriven } from './types';

interface Props {
  filter: Record<string, string>;
  count: number;
  event: string | null;
  onDone: () => void;
  onClose: () => void;
}

const PREDICTED_MAX = 200;

/** What the oldest of them would become, in one line each. */
function Preview({ filter, all }: { filter: Record<string, string>; all: number }) {
  const max = String(PREDICTED_MAX);
  const { data, error } = useAnswer<Redriven>(
    query('/dead-letters/predictions', { ...filter, max }),
  );
  if (data === null) return <p className="quiet">{error?.message ?? 'Looking…'}</p>;
  const results = data.predicted.map((one) => one.redrive);
  const fails = results.filter((it) => it.result === 'fails').length;
  const steps = results.flatMap((it) => (it.result === 'applies' ? it.owners : []));
  const changed = new Map<string, number>();
  for (const { fromRole, toRole } of steps) {
    if (fromRole === toRole) continue;
    const change = `${fromRole} → ${toRole}`;
    changed.set(change, (changed.get(change) ?? 0) + 1);
  }
  const leaves = results.length - fails;
  return (
    <div className="preview" data-testid="preview">
      <p className="quiet">
        {all > results.length ? `Of the oldest ${count(results.length)}:` : 'Now:'}
      </p>
      <ul>
        <li className="good">{count(leaves)} would be applied</li>
        {[...changed].map(([change, number]) => (
          <li key={change}>
            {many(number, 'user')}: {change}
          </li>
        ))}
        {fails > 0 && <li className="bad">{count(fails)} would fail again</li>}
      </ul>
    </div>
  );
}

const ENDS: Record<Progress['state'], string> = {
  ready: '',
  running: 'Redriving…',
  done: 'Done.',
  stopped: 'Stopped. What is left is still a dead letter.',
  failing: 'Stopped, since most failed again: the cause is not fixed.',
  refused: 'Refused.',
};

function Bar({ progress, all }: { progress: Progress; all: number }) {
  const { applied, failed, queued, redriven, state } = progress;
  return (
    <div className="progress" data-testid="progress" data-state={state}>
      <progress max={Math.max(all, redriven)} value={redriven} aria-label="Redriven" />
      <p role="status">
        {ENDS[state]} {count(redriven)} redriven: {count(applied)} applied, {count(failed)} failed
        again{queued > 0 ? `, ${count(queued)} queued` : ''}. {progress.message}
      </p>
    </div>
  );
}

function useRedrive(filter: object, onDone: () => void) {
  const [progress, setProgress] = useState(READY);
  const stop = useRef<AbortController | null>(null);
  // Closed in the middle, it ends behind its step.
  useEffect(() => () => stop.current?.abort(), []);
  const start = (reason: string): void => {
    stop.current = new AbortController();
    redrive(filter, reason, stop.current.signal, setProgress)
      .catch((error: unknown) => {
        const message =
          error instanceof Refused ? `${error.code}: ${error.message}` : String(error);
        setProgress((before) => ({ ...before, state: 'refused', message }));
      })
      .finally(onDone);
  };
  return { progress, start, halt: () => stop.current?.abort() };
}

export function Redrive({ filter, count: all, event, onDone, onClose }: Props) {
  const [one, setOne] = useState(false);
  const [reason, setReason] = useState('');
  const chosen = one && event !== null ? { events: [event] } : filter;
  const { progress, start, halt } = useRedrive(chosen, onDone);
  const [begun] = useState(all);
  const ready = progress.state === 'ready';
  return (
    <Dialog
      title={one ? 'Redrive this one' : `Redrive ${many(begun, 'dead letter')}`}
      onClose={onClose}
    >
      <form
        onSubmit={(submitted) => {
          submitted.preventDefault();
          start(reason.trim());
        }}
      >
        {ready && event !== null && begun > 1 && (
          <div className="tabs" role="group" aria-label="Which">
            <button type="button" aria-pressed={!one} onClick={() => setOne(false)}>
              All {count(begun)}
            </button>
            <button type="button" aria-pressed={one} onClick={() => setOne(true)}>
              Only {event}
            </button>
          </div>
        )}
        {ready && !one && <Preview filter={filter} all={begun} />}
        {!ready && <Bar progress={progress} all={one ? 1 : begun} />}
        {ready && (
          <>
            <label htmlFor="reason">Reason, for the ledger</label>
            <input
              id="reason"
              required
              data-first
              autoComplete="off"
              maxLength={1_024}
              value={reason}
              onChange={(changed) => setReason(changed.target.value)}
            />
          </>
        )}
        <div className="dialog-end">
          {progress.state === 'running' && (
            <button type="button" className="ghost" onClick={halt}>
              Stop
            </button>
          )}
          <button type="button" className="ghost" onClick={onClose}>
            Close
          </button>
          {ready && <button className="primary">Redrive</button>}
        </div>
      </form>
    </Dialog>
  );
}
