// The audit: what was done by hand, by whom and why, and all that was applied.

import { useState } from 'react';
import { Timeline } from './Timeline';
import { Heading, Missing } from './bits';
import { useAnswer } from './answer';
import { get, query } from './api';
import type { Row, Rows } from './types';

/** Older pages, asked for one by one. */
function useOlder(path: string, first: Rows | null) {
  const [older, setOlder] = useState<{ path: string; rows: Row[]; next: string | null } | null>(
    null,
  );
  const current = older?.path === path ? older : null;
  const next = current === null ? (first?.next ?? null) : current.next;
  const more = async (): Promise<void> => {
    const separator = path.includes('?') ? '&' : '?';
    const page = (await get(`${path}${separator}before=${next ?? ''}`)) as Rows;
    setOlder({ path, rows: [...(current?.rows ?? []), ...page.rows], next: page.next });
  };
  return { rows: current?.rows ?? [], next, more };
}

export function Audit() {
  const [all, setAll] = useState(false);
  const path = query('/ledger', { actsOnly: all ? undefined : 'true' });
  const { data, error } = useAnswer<Rows>(path);
  const older = useOlder(path, data);
  return (
    <>
      <div className="top">
        <Heading>Audit</Heading>
        <div className="tabs" role="group" aria-label="Which rows">
          <button aria-pressed={!all} onClick={() => setAll(false)}>
            By hand
          </button>
          <button aria-pressed={all} onClick={() => setAll(true)}>
            Everything
          </button>
        </div>
      </div>
      {data === null ? (
        <Missing error={error} />
      ) : (
        <section className="card" aria-label="Rows, newest first">
          <Timeline rows={[...data.rows, ...older.rows]} />
          {older.next !== null && (
            <button className="ghost" onClick={() => void older.more()}>
              Older
            </button>
          )}
        </section>
      )}
    </>
  );
}
