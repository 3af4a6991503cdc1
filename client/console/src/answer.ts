// One answer of the server in a component: asked for again on demand, and every few seconds where it is shown live.

import { useCallback, useEffect, useState } from 'react';
import { Refused, get } from './api';

export interface Answer<T> {
  data: T | null;
  error: Refused | null;
  reload: () => void;
}

interface Got<T> {
  path: string;
  data: T | null;
  error: Refused | null;
}

/** What the server answers to a path; `null` asks for nothing. What was shown stays until there is something newer. */
export function useAnswer<T>(path: string | null, everyMs?: number): Answer<T> {
  const [got, setGot] = useState<Got<T> | null>(null);
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (path === null) return;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = (): void => {
      get(path, stop.signal)
        .then((data) => setGot({ path, data: data as T, error: null }))
        .catch((error: unknown) => {
          if (stop.signal.aborted) return;
          const refused =
            error instanceof Refused ? error : new Refused('command.failed', String(error));
          setGot((before) => ({
            path,
            data: before?.path === path && everyMs !== undefined ? before.data : null,
            error: refused,
          }));
        })
        .finally(() => {
          if (everyMs !== undefined && !stop.signal.aborted) timer = setTimeout(ask, everyMs);
        });
    };
    ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, round]);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  const current = got !== null && got.path === path ? got : null;
  return { data: current?.data ?? null, error: current?.error ?? null, reload };
}
