//! Every limit of tierlift, by name. A limit that is not here does not exist.
//!
//! Units stand last in each name. Sources are given where a limit is somebody else's.

/// Largest webhook body that is read, in bytes. Stripe's largest events are well below; SQS carries
/// 256 KiB (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
pub const WEBHOOK_BODY_MAX_BYTES: usize = 256 * 1024;
/// Largest body of any other request, in bytes.
pub const REQUEST_BODY_MAX_BYTES: usize = 16 * 1024;
/// Largest `Stripe-Signature` header that is read, in bytes.
pub const SIGNATURE_HEADER_MAX_BYTES: usize = 4 * 1024;
/// Most `v1` signatures that are compared for one webhook. Stripe sends one for each active secret.
pub const SIGNATURES_MAX: usize = 16;
/// Most signing secrets at a time: one in use, one rolling out, and room for error.
pub const SECRETS_MAX: usize = 8;
/// Longest `traceparent` that is kept, in bytes; version 00 has 55
/// (<https://www.w3.org/TR/trace-context/#traceparent-header>).
pub const TRACE_MAX_BYTES: usize = 64;
/// How far a signature's time may be from ours, in seconds
/// (<https://docs.stripe.com/webhooks#verify-official-libraries>).
pub const SIGNATURE_TOLERANCE_SECS: i64 = 300;

/// Longest id of an event, customer, subscription or user, in bytes. Stripe promises at most 255.
pub const ID_MAX_BYTES: usize = 255;
/// Most roles that a deployment may name.
pub const ROLES_MAX: usize = 32;
/// Longest role name, in bytes.
pub const ROLE_NAME_MAX_BYTES: usize = 64;
/// Longest grace after an expiry, in days.
pub const GRACE_DAYS_MAX: u32 = 90;

/// Events that a subscription remembers before the oldest second is settled.
pub const EVENTS_REMEMBERED_MAX: usize = 16;
/// Events of one and the same second that a subscription remembers before that second is settled.
pub const EVENTS_OF_ONE_SECOND_MAX: usize = 64;
/// Items of a subscription that are tracked. Stripe allows 20
/// (<https://docs.stripe.com/billing/subscriptions/quantities>).
pub const SUBSCRIPTION_ITEMS_MAX: usize = 32;
/// Subscriptions that one customer may hold, ended ones included.
pub const SUBSCRIPTIONS_MAX: usize = 100;
/// Customers that one user may be linked to at a time.
pub const CUSTOMERS_PER_USER_MAX: usize = 32;

/// Deliveries of one message before it is parked.
pub const ATTEMPTS_MAX: u32 = 5;
/// First delay before a failed message is tried again, in milliseconds; doubles each time.
pub const RETRY_DELAY_MIN_MS: u64 = 1_000;
/// Longest delay before a failed message is tried again, in milliseconds.
pub const RETRY_DELAY_MAX_MS: u64 = 60_000;
/// How often a decision is made anew when somebody else committed first.
pub const CONFLICT_RETRIES_MAX: u32 = 8;
/// How long a received message stays invisible to other receivers, in seconds: six times the
/// worker's timeout.
pub const VISIBILITY_TIMEOUT_SECS: i64 = 60;
/// Longest error text that a failure record keeps, in bytes.
pub const ERROR_TEXT_MAX_BYTES: usize = 512;
/// Messages that the queue holds before webhooks are answered 503, so that Stripe keeps them.
pub const QUEUE_DEPTH_MAX: usize = 1_000_000;
/// Days that a ledger row is kept: longer than any resend (Stripe's CLI resends up to 30 days).
pub const LEDGER_KEPT_DAYS: i64 = 90;

/// Messages of one batch that Lambda hands to the worker; a FIFO queue gives at most 10
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>).
pub const SQS_BATCH_MAX: u32 = 10;
/// Deliveries of one SQS message before SQS itself moves it to the dead letters. The rest of a failed
/// message's group is released with it, and SQS counts that as well; so this count only catches
/// messages of a worker that dies, and is high enough for a whole batch of one group.
pub const SQS_RECEIVES_MAX: u32 = ATTEMPTS_MAX * SQS_BATCH_MAX;
/// How long a worker function may take for a batch, in seconds.
pub const WORKER_TIMEOUT_SECS: i64 = VISIBILITY_TIMEOUT_SECS / 6;
/// How long a call to AWS may take to connect, in milliseconds.
pub const AWS_CONNECT_TIMEOUT_MS: u64 = 1_000;
/// How long one attempt of a call to AWS may take, in milliseconds.
pub const AWS_ATTEMPT_TIMEOUT_MS: u64 = 2_000;
/// How long a call to AWS may take with all its attempts, in milliseconds.
pub const AWS_CALL_TIMEOUT_MS: u64 = 5_000;
/// Attempts of one call to AWS, the first included.
pub const AWS_ATTEMPTS_MAX: u32 = 3;
/// First delay before a call to AWS is retried, in milliseconds; doubles each time.
pub const AWS_RETRY_DELAY_MIN_MS: u64 = 50;
/// How long reading or writing a failure record may delay its message, in milliseconds.
pub const FAILURE_RECORD_TIMEOUT_MS: u64 = 1_000;
/// How long SQS waits for a message in a receive outside Lambda, in seconds
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>).
pub const RECEIVE_WAIT_SECS: u64 = 20;
/// Longest time that a message may be invisible, in seconds
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>).
pub const VISIBILITY_MAX_SECS: u64 = 12 * 60 * 60;
/// Longest group or deduplication id of SQS, in bytes
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
pub const SQS_ID_MAX_BYTES: usize = 128;
/// Attributes that an SQS message may have (the same page). A dead letter has all of them.
pub const SQS_ATTRIBUTES_MAX: usize = 10;
/// How long SQS waits for a dead letter in a scan, in seconds. Without a wait SQS asks only some of its
/// servers, and may miss messages.
pub const DEAD_LETTERS_WAIT_SECS: u64 = 1;
/// How long a scan hides dead letters from other scans if it is interrupted, in seconds.
pub const DEAD_LETTERS_HIDDEN_SECS: u64 = 30;
/// Dead letters that one scan reads.
pub const DEAD_LETTERS_SEEN_MAX: usize = 10_000;
/// Keys of one `BatchGetItem`
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).
pub const DYNAMODB_BATCH_GET_MAX: usize = 100;
/// How old a secret may be that a function keeps, in seconds: so soon a rolled one is known.
pub const SECRET_AGE_MAX_SECS: u64 = 300;
/// Shortest time between two looks for a newer secret, in seconds, however many forgeries arrive.
pub const SECRET_LOOK_INTERVAL_SECS: u64 = 10;
/// Largest item of a DynamoDB table, in bytes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
pub const ITEM_MAX_BYTES: usize = 400 * 1024;
/// Days that a failure record is kept: longer than SQS keeps any message (14).
pub const FAILURE_KEPT_DAYS: i64 = 15;
/// How long the row of a connection is kept, in seconds: API Gateway closes a socket after two hours
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>).
pub const CONNECTION_KEPT_SECS: i64 = 2 * 60 * 60 + 10 * 60;
/// Connections that one query of the index returns: all that a user may have and one more, so that the
/// first page is usually the last.
pub const CONNECTIONS_PER_PAGE_MAX: usize = SOCKETS_PER_USER_MAX + 1;
/// Pages of a user's connections that are read. Only a client that misbehaves has more.
pub const CONNECTION_PAGES_MAX: usize = 20;

/// HTTP connections that are open at a time; further ones wait to be accepted. Sockets do not count.
pub const CONNECTIONS_MAX: u32 = 10_000;
/// How long a connection may wait for the complete head of its next request, in seconds: so long
/// lives an idle connection, and so long a slow head. As long may a client take nothing of an answer.
pub const REQUEST_HEAD_TIMEOUT_SECS: u64 = 30;
/// Largest head of a request, in bytes; a token may stand in it.
pub const REQUEST_HEAD_MAX_BYTES: usize = 32 * 1024;
/// How long a request to one of the host's own routes may take, in seconds.
pub const REQUEST_TIMEOUT_SECS: u64 = 30;
/// How long a request's body may take to arrive, in seconds.
pub const REQUEST_BODY_TIMEOUT_SECS: u64 = 10;
/// How long a shutdown waits for requests, commits and sockets, in seconds.
pub const SHUTDOWN_TIMEOUT_SECS: u64 = 20;
/// How long an issuer may take to send its key set, in seconds.
pub const JWKS_FETCH_TIMEOUT_SECS: u64 = 3;
/// Shortest time between two fetches of an issuer's key set, in seconds.
pub const JWKS_FETCH_INTERVAL_SECS: i64 = 60;
/// Largest key set that is read, in bytes.
pub const JWKS_MAX_BYTES: u64 = 256 * 1024;

/// Live sockets of this process; one more is answered 503.
pub const SOCKETS_MAX: usize = 50_000;
/// Live sockets of one user; one more closes the oldest.
pub const SOCKETS_PER_USER_MAX: usize = 20;
/// How long a decision may take to be committed, in seconds, a function's lifetime and some skew of
/// clocks included.
pub const COMMIT_SECS_MAX: i64 = 15;
/// How long a ping is answered with a snapshot, too, after a role changed, in seconds: two of the
/// client's pings on API Gateway, which closes a socket after ten silent minutes.
pub const CATCH_UP_SECS: i64 = 10 * 60;
/// Largest frame that a client may send, in bytes.
pub const SOCKET_FRAME_MAX_BYTES: usize = 4 * 1024;
/// Frames that wait for a slow reader before its socket is cut.
pub const SOCKET_OUTBOX_MAX_FRAMES: usize = 32;
/// What the system may hold for a socket in each direction, in bytes; Linux doubles it. Without this
/// one that does not read could make it hold megabytes.
pub const SOCKET_SYSTEM_BUFFER_BYTES: usize = 16 * 1024;
/// How often a socket is pinged, in seconds.
pub const SOCKET_PING_INTERVAL_SECS: u64 = 30;
/// Pings in a row that may go unanswered; the next one cuts the socket instead.
pub const SOCKET_PINGS_MISSED_MAX: u8 = 1;
/// How long a socket may take to be closed in order before it is dropped, in seconds.
pub const SOCKET_CLOSE_TIMEOUT_SECS: u64 = 5;
/// Sockets that are told of one change at the same time.
pub const PUSHES_AT_ONCE_MAX: usize = 16;
/// How long a process remembers what it pushed to a socket, in seconds: as long as a batch of the
/// change feed is tried again.
pub const PUSH_REMEMBERED_SECS: i64 = 20 * 60;
/// Pushes that a process remembers.
pub const PUSHES_REMEMBERED_MAX: usize = 10_000;
/// Roles whose time is over that one round ends; the rest waits for the next.
pub const EXPIRIES_PER_ROUND_MAX: usize = 1_000;
/// Pages of one shard of the expiry index on AWS that one round reads, to get past entries that are not
/// accounts.
pub const EXPIRY_PAGES_MAX: usize = 10;
/// Users that are told at the same time of what a feed brings.
pub const USERS_NOTIFIED_AT_ONCE_MAX: usize = 8;
/// Lifetime of an access token, in seconds.
pub const TOKEN_TTL_SECS: i64 = 15 * 60;
/// Longest token that is read, in bytes.
pub const TOKEN_MAX_BYTES: usize = 8 * 1024;

/// Consumers of the embedded queue, each with a batch in hand.
pub const CONSUMERS: usize = 4;
/// Messages that an embedded consumer takes at once.
pub const CONSUMER_BATCH_MAX: usize = 32;
/// Time between two rounds of maintenance, in seconds.
pub const MAINTENANCE_INTERVAL_SECS: u64 = 5;
/// Ledger rows that one transaction deletes at most.
pub const LEDGER_ROWS_PRUNED_AT_ONCE_MAX: usize = 1_000;
