// The peer's one SQLite file: queue, ledger, customers, accounts, dead letters. Each commit waits for
// its own fsync (synchronous=FULL), each statement is prepared once, nothing here decides anything.
import Database from 'better-sqlite3';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS queue (
    seq INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    body BLOB NOT NULL
  );
  CREATE TABLE IF NOT EXISTS ledger (
    event_id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    customer TEXT NOT NULL,
    user TEXT,
    outcome TEXT NOT NULL,
    from_role TEXT,
    to_role TEXT,
    revocation_id INTEGER,
    created INTEGER NOT NULL,
    processed_at TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS customers (
    id TEXT PRIMARY KEY,
    user TEXT,
    subscriptions TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS accounts (
    user TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    revocation_id INTEGER NOT NULL,
    grants TEXT NOT NULL,
    subscription_active INTEGER NOT NULL,
    subscription_expires_at TEXT,
    role_assigned_at TEXT
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS dead_letters (
    event_id TEXT PRIMARY KEY,
    body BLOB NOT NULL,
    cause TEXT NOT NULL,
    failed_at TEXT NOT NULL
  ) WITHOUT ROWID;
`;

export class Store {
  #db;
  #sql;

  constructor(file) {
    this.#db = new Database(file);
    this.#db.pragma('journal_mode = WAL');
    this.#db.pragma('synchronous = FULL');
    this.#db.exec(SCHEMA);
    this.#sql = statements(this.#db);
  }

  /** Durable when it returns. A repeat, queued or already applied, changes nothing. */
  enqueue(event, body) {
    this.#sql.enqueue.run({ id: event.id, body });
  }

  queued() {
    return this.#sql.queued.get().n;
  }

  next(limit) {
    return this.#sql.next.all(limit);
  }

  processed(eventId) {
    return this.#sql.processed.get(eventId) !== undefined;
  }

  customer(id) {
    const row = this.#sql.customer.get(id);
    return row && { ...row, subscriptions: JSON.parse(row.subscriptions) };
  }

  account(user) {
    const row = this.#sql.account.get(user);
    return row && { ...row, grants: JSON.parse(row.grants) };
  }

  /** `work` in one transaction: all of it is on disk when it returns, or none. Inside another, a savepoint. */
  transaction(work) {
    return this.#db.transaction(work).immediate;
  }

  saveCustomer({ id, user, subscriptions }) {
    this.#sql.saveCustomer.run({ id, user, subscriptions: JSON.stringify(subscriptions) });
  }

  saveAccount(account) {
    this.#sql.saveAccount.run({ ...account, grants: JSON.stringify(account.grants) });
  }

  saveLedger(row) {
    this.#sql.saveLedger.run(row);
  }

  dequeue(seq) {
    this.#sql.dequeue.run(seq);
  }

  park(row) {
    this.#sql.park.run(row);
  }

  close() {
    this.#db.close();
  }
}

function statements(db) {
  return {
    enqueue: db.prepare(
      `INSERT INTO queue (event_id, body)
       SELECT @id, @body WHERE NOT EXISTS (SELECT 1 FROM ledger WHERE event_id = @id)
       ON CONFLICT (event_id) DO NOTHING`,
    ),
    queued: db.prepare('SELECT count(*) AS n FROM queue'),
    next: db.prepare('SELECT seq, event_id, body FROM queue ORDER BY seq LIMIT ?'),
    dequeue: db.prepare('DELETE FROM queue WHERE seq = ?'),
    processed: db.prepare('SELECT 1 FROM ledger WHERE event_id = ?'),
    customer: db.prepare('SELECT id, user, subscriptions FROM customers WHERE id = ?'),
    account: db.prepare('SELECT * FROM accounts WHERE user = ?'),
    saveCustomer: db.prepare(
      `INSERT INTO customers (id, user, subscriptions) VALUES (@id, @user, @subscriptions)
       ON CONFLICT (id) DO UPDATE SET user = excluded.user, subscriptions = excluded.subscriptions`,
    ),
    saveAccount: db.prepare(
      `INSERT INTO accounts VALUES (@user, @role, @revocation_id, @grants, @subscription_active,
         @subscription_expires_at, @role_assigned_at)
       ON CONFLICT (user) DO UPDATE SET role = excluded.role, revocation_id = excluded.revocation_id,
         grants = excluded.grants, subscription_active = excluded.subscription_active,
         subscription_expires_at = excluded.subscription_expires_at,
         role_assigned_at = excluded.role_assigned_at`,
    ),
    saveLedger: db.prepare(
      `INSERT INTO ledger VALUES (@event_id, @type, @customer, @user, @outcome, @from_role, @to_role,
         @revocation_id, @created, @processed_at)`,
    ),
    park: db.prepare('INSERT OR REPLACE INTO dead_letters VALUES (@event_id, @body, @cause, @failed_at)'),
  };
}
