// Takes what waits in the queue, in order, applies it in one transaction with a savepoint for each
// event, and tells the sockets after the commit. So a busy worker pays one fsync for many events. It
// yields to the event loop after each batch, so that neither webhooks nor notices starve.
// An event that cannot be applied is parked with its cause; it never blocks the ones behind it.
import { applyToAccount, applyToCustomer } from './role.js';

// As many as there may be requests in flight: acks and notices then go at the same pace.
const BATCH_MAX = 256;

export class Worker {
  #store;
  #notify;
  #log;
  #applyAll;
  #applySafely;
  #awake = false;

  constructor(store, notify, log) {
    this.#store = store;
    this.#notify = notify;
    this.#log = log;
    this.#applyAll = store.transaction((messages) => messages.map((message) => this.#applyOrPark(message)));
    this.#applySafely = store.transaction((message) => this.#apply(message));
  }

  wake() {
    if (this.#awake) return;
    this.#awake = true;
    setImmediate(() => this.#step());
  }

  #step() {
    const messages = this.#store.next(BATCH_MAX);
    if (messages.length === 0) {
      this.#awake = false;
      return;
    }
    for (const notice of this.#applyAll(messages)) {
      if (notice !== undefined) this.#notify(notice);
    }
    setImmediate(() => this.#step());
  }

  #applyOrPark(message) {
    try {
      return this.#applySafely(message);
    } catch (error) {
      this.#log.error({ event: message.event_id, cause: error.message }, 'event parked');
      this.#park(message, error);
      return undefined;
    }
  }

  #park(message, error) {
    this.#store.park({
      event_id: message.event_id,
      body: message.body,
      cause: error.message,
      failed_at: new Date().toISOString(),
    });
    this.#store.dequeue(message.seq);
  }

  #apply({ seq, event_id: eventId, body }) {
    const store = this.#store;
    store.dequeue(seq);
    if (store.processed(eventId)) return undefined;
    const event = JSON.parse(body);
    const now = new Date();
    const subscription = event.data.object;
    const { customer, outcome } = applyToCustomer(store.customer(subscription.customer), event);
    const account = customer.user === null ? undefined : store.account(customer.user);
    const change =
      customer.user === null || outcome === 'stale' ? undefined : applyToAccount(account, customer, now);
    if (outcome !== 'stale') store.saveCustomer(customer);
    if (change !== undefined) store.saveAccount(change.account);
    store.saveLedger(ledgerRow(event, customer, outcome, account, change, now));
    return change?.changed ? { user: customer.user, frame: noticeOf(event, change, now) } : undefined;
  }
}

function ledgerRow(event, customer, outcome, before, change, now) {
  return {
    event_id: event.id,
    type: event.type,
    customer: customer.id,
    user: customer.user,
    outcome,
    from_role: before?.role ?? 'free',
    to_role: change?.account.role ?? before?.role ?? 'free',
    revocation_id: change?.account.revocation_id ?? before?.revocation_id ?? 0,
    created: event.created,
    processed_at: now.toISOString(),
  };
}

function noticeOf(event, { account, previousRole, upgraded }, now) {
  return {
    v: 1,
    type: upgraded ? 'ROLE_UPGRADED' : 'ROLE_DOWNGRADED',
    userId: account.user,
    role: account.role,
    previousRole,
    revocationId: account.revocation_id,
    subscriptionActive: account.subscription_active === 1,
    subscriptionExpiresAt: account.subscription_expires_at,
    roleAssignedAt: account.role_assigned_at,
    eventId: event.id,
    at: now.toISOString(),
  };
}
