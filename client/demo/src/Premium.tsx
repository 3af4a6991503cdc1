// What the paid plan unlocks. It really asks the guarded route, and shows what that answered; the
// panel closes with the role, without waiting for another refusal.

import { useEffect, useState } from 'react';
import type { UserRole } from '@tierlift/client';
import { useTier } from '@tierlift/client/react';
import { Icon } from './icons';

interface Answer {
  role: UserRole;
  status: number;
  text: string;
  ms: number;
}

const BARS = [34, 48, 41, 62, 55, 71, 66, 83, 78, 92, 88, 100];

function Chart() {
  return (
    <div className="chart" aria-hidden="true">
      {BARS.map((height, index) => (
        <i key={index} style={{ height: `${height}%` }} />
      ))}
    </div>
  );
}

function useAnswer(role: UserRole): Answer | null {
  const { client } = useTier();
  const [answer, setAnswer] = useState<Answer | null>(null);
  useEffect(() => {
    let current = true;
    const asked = performance.now();
    const settle = (status: number, text: string): void => {
      if (current) setAnswer({ role, status, text, ms: Math.round(performance.now() - asked) });
    };
    client
      .fetch('/demo/premium')
      .then(async (response) => {
        const body = (await response.json()) as { message?: string; code?: string };
        settle(response.status, body.message ?? body.code ?? '');
      })
      .catch(() => settle(0, 'not reachable'));
    return () => {
      current = false;
    };
  }, [client, role]);
  return answer?.role === role ? answer : null;
}

export function Premium({ role }: { role: UserRole }) {
  const answer = useAnswer(role);
  const open = role !== 'free' && answer?.status === 200;
  return (
    <section className="card premium" data-open={open} aria-label="Premium report">
      <div className="premium-head">
        <h2>Premium report</h2>
        <code className="answer" data-code={answer?.status} data-testid="premium-answer">
          GET /demo/premium {answer ? `${answer.status} · ${answer.ms} ms` : '…'}
        </code>
      </div>
      <div className="premium-body">
        <Chart />
        {open ? (
          <p className="premium-text" data-testid="premium-text">
            {answer.text}
          </p>
        ) : (
          <p className="premium-lock">
            <Icon name="lock" />
            <strong>Locked</strong>
            <span>The server says {answer ? answer.text.replace('_', ' ') : '…'}.</span>
          </p>
        )}
      </div>
    </section>
  );
}
