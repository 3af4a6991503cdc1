// The answers of the operators' routes (docs/reference/operations.md). They are trusted to have this shape, since page
// and routes are one program; the strings in them are not trusted with anything.

export interface Caller {
  name: string;
  right: 'read' | 'act';
}

export interface Status {
  queued: number;
  oldestAgeSecs: number | null;
  deadLetters: number;
  deadLettersByCause: Record<string, number>;
  waiting: number;
  waitingSince: string | null;
  lastAppliedAt: string | null;
  appliedLastMinute: number | null;
  inFlight: number | null;
  thinQueued: number | null;
  lastEvent: { event: string; type: string; outcome: string } | null;
  webhooksLastMinute: number | null;
  lagSecs: number | null;
  drift: {
    begunAt: string;
    endedAt: string | null;
    checked: number;
    fixed: number;
    unowned: number;
    parked: number;
  } | null;
  paused: string | null;
}

/** What was paid for or given back, and reaches nobody. */
export interface Waiting {
  id: string;
  cause: string;
  since: string;
}

/** Webhooks to the host that it has not accepted. */
export interface WebhooksStatus {
  pending: number;
  users: number;
  oldestAgeSecs: number | null;
  error: string | null;
  dead: number;
}

export interface DeadWebhook {
  id: string;
  sequence: number;
  user: string;
  type: string;
  changedAt: string;
  failedAt: string;
  attempts: number;
  error: string;
}

export interface DeadWebhooks {
  rows: DeadWebhook[];
  next: number | null;
}

export interface Sample {
  at: string;
  webhooks: number;
  applied: number;
  roleChanges: number;
  lagSecs: number | null;
  queued: number;
  deadLetters: number;
  sockets: number;
}

export interface History {
  intervalSecs: number;
  samples: Sample[];
}

export interface Group {
  key: string;
  count: number;
  firstAt: string;
  lastAt: string;
  lastError: string;
  lastEvent: string;
  customers: number;
  users: number;
  note: string | null;
}

export interface Groups {
  total: number;
  others: number;
  groups: Group[];
}

export interface Listed {
  event: string;
  type: string;
  group: string;
  cause: string;
  error: string;
  lastAt: string;
  failures: number;
}

export interface Discarded extends Listed {
  actor: string;
  reason: string;
  discardedAt: string;
  expiresAt: string;
}

export interface RoleStep {
  user: string;
  fromRole: string;
  toRole: string;
  revocationId: number;
}

export type Prediction =
  | {
      result: 'applies';
      outcome: string;
      cause: string | null;
      owners: RoleStep[];
      notices: number;
    }
  | { result: 'duplicate' }
  | { result: 'fails'; cause: string; error: string }
  | { result: 'asks'; object: string }
  | { result: 'moving' };

export interface Shown extends Listed {
  receivedAt: string;
  attempts: { at: string; cause: string; error: string }[];
  body: unknown;
  customer: CustomerState | null;
  roles: { user: string; role: string; revocationId: number }[];
  redrive: Prediction;
  explanation: string[];
  page: string;
}

export interface Redriven {
  redriven: number;
  applied: number;
  failed: number;
  queued: number;
  predicted: { event: string; redrive: Prediction; explanation: string[] }[];
  next: string | null;
  until: string | null;
}

export interface Row {
  event: string;
  type: string;
  customer: string | null;
  outcome: string;
  cause: string | null;
  owners: RoleStep[];
  actor: string | null;
  reason: string | null;
  createdAt: string;
  processedAt: string;
}

export interface Rows {
  rows: Row[];
  next: string | null;
}

export interface EventStory {
  ledger: Row | null;
  deadLetter: Shown | null;
}

/** A customer as it is now. */
export interface CustomerState {
  customer: string;
  deleted: boolean;
  waitingSince: string | null;
  linkedTo: string | null;
  things: { id: string; status: string | null; owner: string | null }[];
}

export interface CustomerStory extends CustomerState {
  events: Row[];
}

export interface RoleExplanation {
  user: string;
  role: string;
  committedRole: string;
  revocationId: number;
  assignedBy: string | null;
  assignedAt: string | null;
  manualRole: string | null;
  manualUntil: string | null;
  granted: { id: string; role: string; until: string | null }[];
  counts: { customer: string; id: string; role: string; by: string; until: string | null }[];
  doesNotCount: { customer: string; id: string; reason: string }[];
  next: { at: string; role: string } | null;
}
