// Measures the time from POST to toast in every tab of this browser. The tab that pays stores the time
// of its POST in localStorage, and each tab adds the steps that it sees itself.

import { toast } from 'sonner';
import type { RoleChange, TierClient } from '@tierlift/client';
import type { ToastAdapter } from '@tierlift/client/react';

export interface Step {
  label: string;
  detail: string;
  at: number;
}

export interface Run {
  title: string;
  startedAt: number;
  steps: Step[];
}

const SENT = 'demo.sent';
const RUNS_MAX = 6;
/** A POST older than this did not cause the current change. */
const SENT_AGE_MS_MAX = 90_000;

let runs: readonly Run[] = [];
const listeners = new Set<() => void>();

export const getRuns = (): readonly Run[] => runs;

export function onRuns(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function clearRuns(): void {
  set([]);
}

interface Sent {
  label: string;
  at: number;
  acknowledgedAt: number | null;
}

/** Records that a POST is sent now. The returned function records its acknowledgement. */
export function noteSent(label: string): () => void {
  const sent: Sent = { label, at: Date.now(), acknowledgedAt: null };
  localStorage.setItem(SENT, JSON.stringify(sent));
  return () => {
    const acknowledgedAt = Date.now();
    localStorage.setItem(SENT, JSON.stringify({ ...sent, acknowledgedAt }));
    if (runs[0]?.startedAt !== sent.at) return;
    add({ label: 'Webhooks acknowledged', detail: '2xx, durable', at: acknowledgedAt });
  };
}

function lastSent(now: number): Sent | null {
  const text = localStorage.getItem(SENT);
  const sent = text === null ? null : (JSON.parse(text) as Sent);
  return sent && now - sent.at < SENT_AGE_MS_MAX ? sent : null;
}

const VIA = { socket: 'by socket', tab: 'from the leader tab', poll: 'by polling' } as const;

/** Begins a run at each change, before any component or toast sees it. */
export function watchChanges(client: TierClient): void {
  let known = client.getSnapshot().lastChange;
  client.subscribe(() => {
    const { lastChange } = client.getSnapshot();
    if (!lastChange || lastChange === known) return;
    known = lastChange;
    noteChange(lastChange);
    notePainted();
  });
}

function noteChange(change: RoleChange): void {
  const sent = lastSent(change.seenAt);
  const committedAt = change.committedAt === null ? NaN : Date.parse(change.committedAt);
  const startedAt = sent?.at ?? (Number.isNaN(committedAt) ? change.seenAt : committedAt);
  const steps: Step[] = [];
  if (sent) steps.push({ label: 'POST sent', detail: sent.label, at: sent.at });
  if (sent?.acknowledgedAt) {
    const at = sent.acknowledgedAt;
    steps.push({ label: 'Webhooks acknowledged', detail: '2xx, durable', at });
  }
  if (!Number.isNaN(committedAt)) {
    const detail = `revocation id ${change.user.revocationId}`;
    steps.push({ label: 'Change committed', detail, at: committedAt });
  }
  steps.push({ label: 'Frame received', detail: VIA[change.via], at: change.seenAt });
  set([{ title: `${change.previousRole} → ${change.user.role}`, startedAt, steps }, ...runs]);
}

/** Adds a step to the latest run, unless that run is over. */
function add(step: Step): void {
  const [latest, ...others] = runs;
  if (!latest || step.at - latest.startedAt > SENT_AGE_MS_MAX) return;
  if (latest.steps.some(({ label }) => label === step.label)) return;
  const steps = [...latest.steps, step].sort((a, b) => a.at - b.at);
  set([{ ...latest, steps }, ...others]);
}

function notePainted(): void {
  // The first frame comes before this paint, the second one after it.
  requestAnimationFrame(() =>
    requestAnimationFrame(() =>
      add({ label: 'Role painted', detail: 'on screen', at: Date.now() }),
    ),
  );
}

function set(next: readonly Run[]): void {
  runs = next.slice(0, RUNS_MAX);
  for (const listener of listeners) listener();
}

export const toasts: ToastAdapter = {
  success: (message) => {
    toast.success(message);
    add({ label: 'Toast shown', detail: 'aria-live', at: Date.now() });
  },
  info: (message) => {
    toast.info(message);
    add({ label: 'Toast shown', detail: 'aria-live', at: Date.now() });
  },
};
