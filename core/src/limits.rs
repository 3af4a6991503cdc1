//! The limits that the stages and both backends keep to, by subject, each with a name.
//!
//! Units and qualifiers stand last in each name: `RETRY_DELAY_MS_MAX`. Where a limit is someone
//! else's, its source is given. What belongs to a format rather than to tierlift (the length of a digest)
//! stands beside the code that writes the format.

mod embedded;
mod hosts;
mod operations;
mod stripe_api;

pub use embedded::*;
pub use hosts::*;
pub use operations::*;
pub use stripe_api::*;

// ---- Webhooks ----------------------------------------------------------------------------------

/// Size of a webhook's body, in bytes. Stripe's largest events are well below; SQS carries 256 KiB
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
pub const WEBHOOK_BODY_BYTES_MAX: usize = 256 * 1024;
/// Size of a `Stripe-Signature` header, in bytes.
pub const SIGNATURE_HEADER_BYTES_MAX: usize = 4 * 1024;
/// `v1` signatures that are compared for one webhook. Stripe sends one for each active secret.
pub const SIGNATURES_MAX: usize = 16;
/// Difference between a signature's time and the current time, in seconds
/// (<https://docs.stripe.com/webhooks#verify-official-libraries>).
pub const SIGNATURE_TOLERANCE_SECS: i64 = 300;
/// Length of a signing secret, in bytes. Stripe's have 38: `whsec_` and 32 characters.
pub const SIGNING_SECRET_BYTES_MIN: usize = 24;
/// Step of the system's clock that is followed at once, in seconds. Adjustments are far smaller, and a
/// wrong clock is mostly wrong by more.
pub const CLOCK_JUMP_SECS_MAX: i64 = 3_600;
/// Time after which a clock that nothing speaks against counts as right, in seconds.
pub const CLOCK_CONFIRMED_SECS: i64 = 3_600;
/// Active signing secrets: the current one, one that is being rotated out, and room for error.
pub const SECRETS_MAX: usize = 8;
/// Length of a `traceparent` header, in bytes; a longer one is dropped. Version 00 has 55
/// (<https://www.w3.org/TR/trace-context/#traceparent-header>).
pub const TRACE_BYTES_MAX: usize = 64;
/// Refused webhooks of one code that are logged in each [`REFUSALS_LOGGED_INTERVAL_SECS`]. The others are
/// only counted.
pub const REFUSALS_LOGGED_MAX: u32 = 10;
/// Time in which [`REFUSALS_LOGGED_MAX`] of one code are logged, in seconds.
pub const REFUSALS_LOGGED_INTERVAL_SECS: i64 = 10;

// ---- Ids and configuration ---------------------------------------------------------------------

/// Length of the id of an event, customer, subscription or user, in bytes. Stripe's ids have at most
/// 255.
pub const ID_BYTES_MAX: usize = 255;
/// Roles of a policy.
pub const ROLES_MAX: usize = 32;
/// Length of a role's name, in bytes.
pub const ROLE_NAME_BYTES_MAX: usize = 64;
/// Days of grace after an expiry.
pub const GRACE_DAYS_MAX: u32 = 90;
/// Days for which a purchase of a plan lasts.
pub const PLAN_DAYS_MAX: u32 = 36_500;
/// Length of a key of Stripe's metadata, in bytes (<https://docs.stripe.com/api/metadata>).
pub const METADATA_KEY_BYTES_MAX: usize = 40;

// ---- Customers and accounts --------------------------------------------------------------------

/// Events that a subscription remembers before its oldest second is settled.
pub const EVENTS_REMEMBERED_MAX: usize = 16;
/// Events of a single second that a subscription remembers before that second is settled.
pub const EVENTS_OF_ONE_SECOND_MAX: usize = 64;
/// Items of a subscription: as many as a page of Stripe's list of them can have
/// (<https://docs.stripe.com/api/subscription_items/list>). Stripe's own limit was 20 until version
/// 2026-08-26.dahlia raised it.
pub const SUBSCRIPTION_ITEMS_MAX: usize = 100;
/// Subscriptions of a customer, ended ones included.
pub const SUBSCRIPTIONS_MAX: usize = 100;
/// Ended subscriptions of a customer that are no longer kept, and whose ids are remembered.
pub const SUBSCRIPTIONS_FORGOTTEN_MAX: usize = 1_000;
/// Lookup keys that a subscription remembers for one price.
pub const LOOKUP_KEYS_PER_PRICE_MAX: usize = 8;
/// Purchases of a customer that name a plan.
pub const PURCHASES_MAX: usize = 256;
/// Payments on an invoice.
pub const PAYMENTS_PER_INVOICE_MAX: usize = 64;
/// Disputes of a payment.
pub const DISPUTES_PER_PAYMENT_MAX: usize = 32;
/// Features of a customer by Stripe's entitlements, and of a role.
pub const FEATURES_MAX: usize = 256;
/// Lists of features that a customer remembers while Stripe shows only parts of them.
pub const FEATURE_LISTS_MAX: usize = 16;
/// Length of a feature's name, in bytes. Stripe's lookup keys have at most 80 characters.
pub const FEATURE_NAME_BYTES_MAX: usize = 320;
/// Days for which a payment and its invoice are remembered after they were last written: longer than any
/// refund or dispute may take.
pub const PAYMENT_KEPT_DAYS: i64 = 2 * 366;
/// Customers that earn something for a user at the same time. Of more, those that are worth least are left
/// out.
pub const CUSTOMERS_PER_USER_MAX: usize = 32;
/// How far a live event's `created` may be ahead of its receipt, in seconds. The signature's time is checked
/// much closer, so this is no matter of clocks.
pub const CREATED_AHEAD_SECS_MAX: i64 = 24 * 60 * 60;
/// Days for which the log of changes keeps a change: a host that did not ask for longer asks for all of its users.
pub const CHANGES_KEPT_DAYS: i64 = 7;
/// Changes in one answer to a host that follows them.
pub const CHANGES_PER_ANSWER_MAX: usize = 500;
/// Time for which a host may wait for the next change, in seconds: less than API Gateway's 29
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>).
pub const CHANGES_WAIT_SECS_MAX: u64 = 25;
/// Days for which a ledger row is kept: longer than any resend. Stripe's CLI resends for 30 days.
pub const LEDGER_KEPT_DAYS: i64 = 90;
/// Length of the name of whoever does something by hand, in bytes.
pub const ACTOR_BYTES_MAX: usize = 255;
/// Length of the reason for something that is done by hand, in bytes.
pub const REASON_BYTES_MAX: usize = 1_024;
/// Time that something that was paid for may wait for an owner before that is logged, in seconds: longer
/// than a healthy checkout takes.
pub const WAITING_LOGGED_AFTER_SECS: i64 = 10 * 60;
/// Time between two reports of what waits, in seconds.
pub const WAITING_REPORT_INTERVAL_SECS: i64 = 60;
/// Waiting things that one report logs.
pub const WAITING_LOGGED_MAX: usize = 20;
/// Customers, or accounts, on a page when a changed policy is applied.
pub const POLICY_PAGE_ROWS_MAX: usize = 500;
/// Time after which a changed policy that could not be applied is tried again, in seconds.
pub const POLICY_RETRY_SECS: u64 = 5;
/// Commits that are on their way at the same time when a changed policy is applied.
pub const POLICY_COMMITS_AT_ONCE_MAX: usize = 32;
/// Accounts that are settled at the same time in a round of expiry.
pub const EXPIRIES_AT_ONCE_MAX: usize = 16;
/// Accounts that one round of expiry settles; the others wait for the next round.
pub const EXPIRIES_PER_ROUND_MAX: usize = 1_000;
/// Pages of one shard of an index on AWS that one query reads, to get past entries that it does not
/// recognize.
pub const INDEX_PAGES_MAX: usize = 10;
/// Pages of one shard of the index of what waits on AWS that are counted. A page has some ten thousand
/// entries.
pub const WAITING_PAGES_MAX: usize = 10;
/// Pages of a scan on AWS that are read to find one customer or account.
pub const SCAN_PAGES_MAX: usize = 20;

// ---- Queue -------------------------------------------------------------------------------------

/// Messages in the queue. When it is full, webhooks are answered 503 and Stripe keeps them.
pub const QUEUE_DEPTH_MAX: usize = 1_000_000;
/// Failed attempts at a message before it is parked. What fails because the store is unavailable is none.
pub const ATTEMPTS_MAX: u32 = 5;
/// Delay before a failed message is first retried, in milliseconds. It doubles with each attempt.
pub const RETRY_DELAY_MS_MIN: u64 = 1_000;
/// Longest delay before a failed message is retried, in milliseconds.
pub const RETRY_DELAY_MS_MAX: u64 = 60_000;
/// Times that a decision is repeated because another writer committed first.
pub const CONFLICT_RETRIES_MAX: u32 = 8;
/// Shortest time between two epochs of one account, in seconds.
pub const EPOCH_INTERVAL_SECS: i64 = 60;
/// How far the epoch that somebody has seen may be ahead of this machine's clock, in seconds.
pub const EPOCH_SKEW_SECS: i64 = 60;
/// Times that one decision asks for more to be loaded: from a payment over its invoice to the customer and
/// its users, and as often again while others write.
pub const DECISION_LOADS_MAX: u32 = 16;
/// Time for which a received message is invisible to other receivers, in seconds: six times the
/// worker's timeout.
pub const VISIBILITY_TIMEOUT_SECS: i64 = 60;
/// Length of the error message in a failure record, in bytes.
pub const ERROR_TEXT_BYTES_MAX: usize = 512;
/// Dead letters that an operator's request reads at once, or lists.
pub const DEAD_LETTERS_PAGE_MAX: usize = 200;
/// Customers, and users, that are counted in a group of dead letters.
pub const GROUP_MEMBERS_MAX: usize = 10_000;
/// Rows of the ledger that one request of an operator lists.
pub const LEDGER_PAGE_MAX: usize = 500;
/// Dead letters that one step redrives.
pub const REDRIVE_STEP_MAX: usize = 1_000;
/// Time that one step of a redrive waits for the worker, in seconds.
pub const REDRIVE_WAIT_SECS: u64 = 10;
/// Time between the first looks at what became of redriven messages, in milliseconds. It grows with the wait.
pub const REDRIVE_POLL_MS_MIN: u64 = 20;
/// Longest time between two looks at what became of redriven messages, in milliseconds.
pub const REDRIVE_POLL_MS_MAX: u64 = 500;
/// Connections of operators at one time.
pub const OPERATIONS_CONNECTIONS_MAX: u32 = 16;
/// Bytes of requests on the operators' listener that are not answered.
pub const OPERATIONS_INFLIGHT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Size of a request with dead letters or events from a file, in bytes.
pub const TRANSFER_BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Size from which on a command sends what it has read from a file, in bytes.
pub const TRANSFER_BATCH_BYTES: usize = 1024 * 1024;
/// Time between two samples for the console's charts, in seconds.
pub const HISTORY_INTERVAL_SECS: u64 = 5;
/// Samples for the console's charts: half an hour of them.
pub const HISTORY_SAMPLES_MAX: usize = 360;
/// Size of the answer to an operator, in bytes.
pub const OPERATIONS_ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Dead letters that are redriven, or discarded, without asking first.
pub const REDRIVE_CONFIRMED_ABOVE: u64 = 10;
/// Dead letters that must have failed again before a redrive stops because most of them did.
pub const REDRIVE_JUDGED_MIN: u64 = 10;
/// Days for which a discarded dead letter can be brought back.
pub const DISCARDED_KEPT_DAYS: i64 = 30;
/// Earlier failures that a failure record keeps.
pub const FAILURES_KEPT_MAX: usize = 16;

// ---- AWS ---------------------------------------------------------------------------------------

/// Messages in a batch that Lambda hands to the worker. A FIFO queue gives at most 10
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>).
pub const SQS_BATCH_MAX: u32 = 10;
/// Receives of one SQS message before SQS itself moves it to the dead-letter queue: as many as SQS allows
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>). What
/// waits for an unavailable store is received about once a minute, so this is some twelve hours. It ends only
/// what a worker dies of.
pub const SQS_RECEIVES_MAX: u32 = 1_000;
/// Time that a worker function may take for a batch, in seconds.
pub const WORKER_TIMEOUT_SECS: i64 = VISIBILITY_TIMEOUT_SECS / 6;
/// Time that a call to AWS may take to connect, in milliseconds.
pub const AWS_CONNECT_TIMEOUT_MS: u64 = 1_000;
/// Time that one attempt of a call to AWS may take, in milliseconds.
pub const AWS_ATTEMPT_TIMEOUT_MS: u64 = 2_000;
/// Time that a call to AWS may take with all its attempts, in milliseconds.
pub const AWS_CALL_TIMEOUT_MS: u64 = 5_000;
/// Time after which DynamoDB finishes a transaction that is in progress when its request is repeated, in
/// milliseconds: five seconds, and a margin
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
pub const TRANSACTION_RECOVERED_AFTER_MS: u64 = 5_100;
/// Age up to which a row of a connection is kept although API Gateway does not know the socket, in seconds: its
/// handshake may not have ended.
pub const CONNECTION_OPENING_SECS: i64 = 10;
/// Attempts of one call to AWS, the first included.
pub const AWS_ATTEMPTS_MAX: u32 = 3;
/// Delay before a call to AWS is first retried, in milliseconds. It doubles with each attempt.
pub const AWS_RETRY_DELAY_MS_MIN: u64 = 50;
/// Time that reading or writing a failure record may delay its message, in milliseconds.
pub const FAILURE_RECORD_TIMEOUT_MS: u64 = 1_000;
/// Time that SQS waits for a message when a tool receives, in seconds
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>).
pub const RECEIVE_WAIT_SECS: u64 = 20;
/// Time for which a message can be invisible, in seconds
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>).
pub const VISIBILITY_SECS_MAX: u64 = 12 * 60 * 60;
/// Length of a group or deduplication id of SQS, in bytes
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
pub const SQS_ID_BYTES_MAX: usize = 128;
/// Attributes of an SQS message (the same page). A dead letter has all of them.
pub const SQS_ATTRIBUTES_MAX: usize = 10;
/// Age of a secret that a function caches, in seconds. A rotated one is seen after this time.
pub const SECRET_AGE_SECS_MAX: u64 = 300;
/// Shortest time between two refreshes of a secret, in seconds, however many forgeries arrive.
pub const SECRET_REFRESH_INTERVAL_SECS: u64 = 10;
/// Size of a DynamoDB item, in bytes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
pub const ITEM_BYTES_MAX: usize = 400 * 1024;
/// Days for which a failure record is kept: longer than SQS keeps a message, which is 14 days.
pub const FAILURE_KEPT_DAYS: i64 = 15;
/// Keys of one `BatchGetItem`
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).
pub const BATCH_GET_KEYS_MAX: usize = 100;
/// Items of one `TransactWriteItems`
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
pub const TRANSACTION_ITEMS_MAX: usize = 100;
/// Time for which the row of a connection is kept, in seconds: API Gateway's longest, and a margin
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>).
pub const CONNECTION_KEPT_SECS: i64 = 2 * 60 * 60 + 10 * 60;
/// Connections on a page of the index: a user's fit on one, and those that follow an organisation on some.
pub const CONNECTIONS_PER_PAGE_MAX: usize = 1_000;
/// Pages of the connections of one account that are read.
pub const CONNECTION_PAGES_MAX: usize = 100;
/// Time from a decision to its commit, in seconds: a function's lifetime and some clock skew.
pub const COMMIT_SECS_MAX: i64 = 15;
/// Time after a role change during which a ping is also answered with a snapshot, in seconds: two of
/// the client's pings on API Gateway, which closes a socket after ten silent minutes.
pub const CATCH_UP_SECS: i64 = 10 * 60;

// ---- HTTP --------------------------------------------------------------------------------------

/// Open HTTP connections; one more ends those that were silent for the longest time. Sockets do not count.
pub const CONNECTIONS_MAX: u32 = 10_000;
/// Bytes of requests that are not answered, on all connections together. Beyond it requests of the longest
/// silent connections are answered 503.
pub const INFLIGHT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Time that a connection has to send the 503 with which it ends, in milliseconds.
pub const SHED_TIMEOUT_MS: u64 = 1_000;
/// Time between two log lines about connections for which there was no room, in seconds.
pub const SHED_LOGGED_INTERVAL_SECS: u64 = 10;
/// Time after which a client may repeat a request for which there was no room, in seconds.
pub const OVERLOADED_RETRY_AFTER_SECS: u16 = 1;
/// Connections that the system accepts ahead of the process; the system has a limit of its own.
pub const LISTEN_BACKLOG: i32 = 4_096;
/// Pause before the next accept when the system is out of resources, in milliseconds.
pub const ACCEPT_RETRY_DELAY_MS: u64 = 100;
/// Time that a connection may wait for the complete head of its next request, in seconds. It bounds
/// idle connections and slow heads, and also a client that does not read its response.
pub const REQUEST_HEAD_TIMEOUT_SECS: u64 = 30;
/// Size of a request's head, in bytes; it may carry a token.
pub const REQUEST_HEAD_BYTES_MAX: usize = 32 * 1024;
/// Time that a request's body may take to arrive, in seconds.
pub const REQUEST_BODY_TIMEOUT_SECS: u64 = 10;
/// Size of the body of any request other than a webhook, in bytes.
pub const REQUEST_BODY_BYTES_MAX: usize = 16 * 1024;
/// Time that a request to one of the host's own routes may take, in seconds.
pub const REQUEST_TIMEOUT_SECS: u64 = 30;
/// Time for which a browser may cache that an origin is allowed, in seconds.
pub const PREFLIGHT_AGE_SECS_MAX: u64 = 60 * 60;
/// Time that a shutdown waits for requests, commits and sockets, in seconds.
pub const SHUTDOWN_TIMEOUT_SECS: u64 = 20;

// ---- Tokens ------------------------------------------------------------------------------------

/// Lifetime of an access token, in seconds.
pub const TOKEN_TTL_SECS: i64 = 15 * 60;
/// Length of a token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Claims that may name accounts, `sub` among them.
pub const ACCOUNT_CLAIMS_MAX: usize = 4;
/// Accounts that one token may speak for, its user's among them. Each request reads all of them.
pub const ACCOUNTS_PER_TOKEN_MAX: usize = 8;
/// Clock skew that is forgiven in a token's `exp` and `nbf`, in seconds.
pub const TOKEN_CLOCK_SKEW_SECS: i64 = 60;
/// Days after the sign-in at which a session ends, unless the configuration says otherwise.
pub const SESSION_DAYS_DEFAULT: u32 = 30;
/// Longest life of a session, in days.
pub const SESSION_DAYS_MAX: u32 = 366;
/// Length of a JWT secret, in bytes: what HS256 needs (RFC 7518, section 3.2).
pub const JWT_SECRET_BYTES_MIN: usize = 32;
/// JWT secrets: the current one, and the one before it while it is rotated.
pub const JWT_SECRETS_MAX: usize = 2;
/// Service tokens of a deployment: several services, each with a new and an old one while it is rotated.
pub const SERVICE_TOKENS_MAX: usize = 16;
/// Length of a service token, in bytes.
pub const SERVICE_TOKEN_BYTES_MIN: usize = 32;
/// Length of the name of a service, in bytes.
pub const SERVICE_NAME_BYTES_MAX: usize = 64;
/// Size of the claims that a host may have put into a token, in bytes of JSON.
pub const CLAIMS_BYTES_MAX: usize = 4 * 1024;
/// Users in one batch: as many as one read of the AWS store takes.
pub const USERS_PER_BATCH_MAX: usize = 100;
/// Size of the body of a service's request, in bytes: a batch of the longest ids, escaped.
pub const SERVICE_BODY_BYTES_MAX: usize = 64 * 1024;
/// Length of an issuer's RSA key, in bits (RFC 7518, section 3.3).
pub const RSA_BITS_MIN: usize = 2_048;
/// Time that an issuer may take to send its key set, in seconds.
pub const JWKS_FETCH_TIMEOUT_SECS: u64 = 3;
/// Shortest age at which an issuer's key set is fetched again, in seconds, whatever the issuer says.
pub const JWKS_AGE_SECS_MIN: u64 = 60;
/// Age at which it is fetched again if the issuer allows it to be kept for longer, or says nothing, in
/// seconds.
pub const JWKS_AGE_SECS_DEFAULT: u64 = 10 * 60;
/// Age from which it is used only while the issuer is unavailable, in seconds: a withdrawn key counts no longer.
pub const JWKS_AGE_SECS_MAX: u64 = 15 * 60;
/// Time for which a key set is used without its issuer, in seconds: an hour, and its age at the beginning.
pub const JWKS_KEPT_SECS: u64 = 60 * 60 + JWKS_AGE_SECS_MAX;
/// Time after which a failed fetch of a key set is repeated, in seconds.
pub const JWKS_RETRY_SECS: u64 = 10;
/// Time between two fetches of a key set because of unknown keys, in seconds, on average.
pub const JWKS_UNKNOWN_KEY_INTERVAL_SECS: u64 = 60;
/// Fetches of a key set because of unknown keys that may follow each other immediately.
pub const JWKS_UNKNOWN_KEY_BURST: u32 = 5;
/// Size of a key set, in bytes.
pub const JWKS_BYTES_MAX: u64 = 256 * 1024;

// ---- Sockets and pushes ------------------------------------------------------------------------

/// Live sockets of a process; the next one is answered 503.
pub const SOCKETS_MAX: usize = 50_000;
/// Live sockets of a user; the next one closes the oldest.
pub const SOCKETS_PER_USER_MAX: usize = 20;
/// Size of a frame from a client, in bytes.
pub const SOCKET_FRAME_BYTES_MAX: usize = 4 * 1024;
/// Frames of any kind that a client may send on one socket, a second. A client sends one when it connects and
/// one every few minutes.
pub const SOCKET_FRAMES_PER_SEC_MAX: u32 = 10;
/// Frames that a client may send on one socket at once.
pub const SOCKET_FRAMES_BURST_MAX: u32 = 50;
/// Frames that all sockets of a user may send, a second.
pub const USER_FRAMES_PER_SEC_MAX: u32 = 50;
/// Frames that all sockets of a user may send at once.
pub const USER_FRAMES_BURST_MAX: u32 = 250;
/// Allowances of frames that a gateway keeps before it forgets those that are whole.
pub const ALLOWANCES_KEPT_MAX: usize = 1_024;
/// Frames in the outbox of a socket; the next one ends the socket.
pub const SOCKET_OUTBOX_FRAMES_MAX: usize = 32;
/// Buffer that the system may hold for a socket in each direction, in bytes; Linux doubles it. The
/// default would let a client that does not read fill megabytes.
pub const SOCKET_SYSTEM_BUFFER_BYTES: usize = 16 * 1024;
/// Buffer from which a socket's frames are read, in bytes: small, since clients' frames are short
/// and sockets are many.
pub const SOCKET_READ_BUFFER_BYTES: usize = 256;
/// Bytes of frames that gather before they are written without an explicit flush.
pub const SOCKET_WRITE_BUFFER_BYTES: usize = 4 * 1024;
/// Time between two pings of a socket, in seconds.
pub const SOCKET_PING_INTERVAL_SECS: u64 = 30;
/// Pings in a row that a client may miss; the next one ends the socket instead.
pub const SOCKET_PINGS_MISSED_MAX: u8 = 1;
/// Time that a closing handshake may take before the socket is dropped, in seconds.
pub const SOCKET_CLOSE_TIMEOUT_SECS: u64 = 5;
/// Sockets to which one change is pushed at the same time.
pub const PUSHES_AT_ONCE_MAX: usize = 16;
/// Users whose changes from a feed are pushed at the same time.
pub const USERS_NOTIFIED_AT_ONCE_MAX: usize = 8;
/// Time for which a process remembers a push, in seconds: as long as the change feed is retried, and a margin.
pub const PUSH_REMEMBERED_SECS: i64 = 2 * 60 * 60 + 10 * 60;
/// Pushes that a process remembers: as many as one account may have sockets, so that a retry ends.
pub const PUSHES_REMEMBERED_MAX: usize = CONNECTIONS_PER_PAGE_MAX * CONNECTION_PAGES_MAX;
