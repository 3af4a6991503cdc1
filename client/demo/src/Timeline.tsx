// The time from POST to toast, in milliseconds, as this tab saw it.

import { useSyncExternalStore } from 'react';
import { clearRuns, getRuns, onRuns } from './measure';
import type { Run } from './measure';

function total(run: Run): number {
  const painted = run.steps.find(({ label }) => label === 'Role painted') ?? run.steps.at(-1);
  return (painted?.at ?? run.startedAt) - run.startedAt;
}

function RunView({ run }: { run: Run }) {
  const span = Math.max(1, (run.steps.at(-1)?.at ?? 0) - run.startedAt);
  return (
    <li className="run">
      <p className="run-head">
        <strong>{run.title}</strong>
        <span data-testid="total">{total(run)} ms to the screen</span>
      </p>
      <ol className="steps">
        {run.steps.map(({ label, detail, at }) => (
          <li key={label}>
            <span className="step-name">
              {label} <small>{detail}</small>
            </span>
            <span className="track" aria-hidden="true">
              <i style={{ insetInlineStart: `${((at - run.startedAt) / span) * 100}%` }} />
            </span>
            <b>+{at - run.startedAt} ms</b>
          </li>
        ))}
      </ol>
    </li>
  );
}

export function Timeline() {
  const runs = useSyncExternalStore(onRuns, getRuns);
  return (
    <section className="card timeline" aria-label="Timeline">
      <div className="premium-head">
        <h2>From POST to toast</h2>
        <button className="link" onClick={clearRuns} disabled={runs.length === 0}>
          Clear
        </button>
      </div>
      {/* A region that scrolls has to be reachable by keyboard. */}
      <div className="runs" tabIndex={0} role="group" aria-label="Measured changes">
        {runs.length === 0 ? (
          <p className="empty">
            Nothing has changed in this tab yet. Upgrade, cancel, or start a storm, and see where
            the milliseconds go.
          </p>
        ) : (
          <ol>
            {runs.map((run) => (
              <RunView key={`${run.startedAt} ${run.title}`} run={run} />
            ))}
          </ol>
        )}
      </div>
    </section>
  );
}
