// What the paid plan unlocks. It calls the guarded route and shows the response. The panel closes
// together with the role, without waiting for the next refusal.

import { useEffect, useState } from 'react';
import type { UserRole } from '@tierlift/client';
import { useTier } from '@tierlift/client/react';
import { Icon } from '../../parts/icons';

interface Report {
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

function useReport(role: UserRole): Report | null {
  const { client } = useTier();
  const [report, setReport] = useState<Report | null>(null);
  useEffect(() => {
    let current = true;
    const startedAt = performance.now();
    const settle = (status: number, text: string): void => {
      if (current) setReport({ role, status, text, ms: Math.round(performance.now() - startedAt) });
    };
    client
      .fetch('/demo/premium')
      .then(async (response) => {
        const body = (await response.json()) as { message?: string; code?: string };
        settle(response.status, body.message ?? body.code ?? '');
      })
      .catch(() => settle(0, 'unreachable'));
    return () => {
      current = false;
    };
  }, [client, role]);
  return report?.role === role ? report : null;
}

export function Premium({ role }: { role: UserRole }) {
  const report = useReport(role);
  const open = role !== 'free' && report?.status === 200;
  return (
    <section className="card premium" data-open={open} aria-label="Premium report">
      <div className="premium-head">
        <h2>Premium report</h2>
        <code className="response" data-code={report?.status} data-testid="premium-response">
          GET /demo/premium {report ? `${report.status} · ${report.ms} ms` : '…'}
        </code>
      </div>
      <div className="premium-body">
        <Chart />
        {open ? (
          <p className="premium-text" data-testid="premium-text">
            {report.text}
          </p>
        ) : (
          <p className="premium-lock">
            <Icon name="lock" />
            <strong>Locked</strong>
            <span>The server says {report ? report.text.replace('.', ' ') : '…'}.</span>
          </p>
        )}
      </div>
    </section>
  );
}
