//! Limits of the embedded server: consumers, maintenance, the data file.

/// Consumers of the embedded queue, each with a batch of its own.
pub const CONSUMERS: usize = 4;
/// Messages in the batch of a consumer.
pub const CONSUMER_BATCH_MAX: usize = 32;
/// Time between two rounds of maintenance, in seconds.
pub const MAINTENANCE_INTERVAL_SECS: u64 = 5;
/// Rows of a table that one transaction deletes.
pub const ROWS_PER_PRUNE_MAX: usize = 1_000;
/// Time for which log lines gather before they are written, in milliseconds.
pub const LOG_FLUSH_INTERVAL_MS: u64 = 10;
/// Log lines that wait to be written, in bytes. Further lines are dropped and counted.
pub const LOG_BUFFER_BYTES_MAX: usize = 1024 * 1024;
/// Time that the end of the process waits for its last lines to be written, in milliseconds.
pub const LOG_FINISH_TIMEOUT_MS: u64 = 1_000;
/// Time between two aggregations of recorded metrics, in seconds.
pub const METRICS_INTERVAL_SECS: u64 = 5;

/// Jobs that share a transaction. It bounds the time that the first job waits for the last.
pub const TRANSACTION_JOBS_MAX: usize = 256;
/// Bodies of queued messages that are kept in memory for their first delivery, in bytes. Others are
/// read from the file.
pub const QUEUED_BODIES_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Customers, and accounts, that the writing thread caches. One more empties the cache; a busy server
/// refills it with one read for each.
pub const CACHED_ROWS_MAX: usize = 10_000;
/// What the cached customers take as they are stored, and what the cached accounts do, in bytes; about four times as
/// much in memory. A customer with one subscription takes less than one KB.
pub const CACHED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Accounts that are kept in memory for who asks for roles. One more in a shard empties that shard.
pub const ACCOUNTS_IN_MEMORY_MAX: usize = 65_536;
/// Parts of those accounts, each with a lock of its own.
pub const ACCOUNT_SHARDS: usize = 64;
/// Idle connections that are kept for reads.
pub const READERS_IDLE_MAX: usize = 4;
/// Time that a read waits for a locked file, in seconds.
pub const READ_BUSY_TIMEOUT_SECS: u64 = 5;
/// Committed jobs between two checkpoints. A webhook takes three jobs, and a job about two pages.
pub const CHECKPOINT_INTERVAL_JOBS: usize = 1_500;
/// Time between two checkpoints while events are applied, in seconds.
pub const CHECKPOINT_INTERVAL_SECS: u64 = 5;
/// Time without a commit after which everything is brought from the log into the file, in seconds.
pub const CHECKPOINT_QUIET_SECS: u64 = 1;
/// Time for which nothing may leave a queue that is not empty before the server says that it is not ready, in
/// seconds.
pub const QUEUE_STALLED_AFTER_SECS: u64 = 300;
/// Space on the data file's disk below which the server says that it is not ready, in bytes: more than the log
/// usually takes.
pub const DISK_FREE_BYTES_MIN: u64 = 128 * 1024 * 1024;
/// Time for which the data file's pages are checked at start, beside the server's work, in seconds.
pub const INTEGRITY_CHECK_SECS_MAX: u64 = 5;
/// Faults that a check of the data file lists.
pub const FAULTS_LISTED_MAX: usize = 100;
/// Pages of the write-ahead log after which the writer itself makes a checkpoint, so that the log is
/// bounded under constant load.
pub const WAL_PAGES_MAX: i64 = 10_000;
/// Size to which the write-ahead log is cut back after it has grown beyond it, in bytes.
pub const WAL_KEPT_BYTES_MAX: i64 = 64 * 1024 * 1024;
/// SQLite's page cache on the writing connection, in KiB. Beyond it the kernel's cache has the file: a read from there
/// takes a microsecond or two.
pub const PAGE_CACHE_KIB_MAX: i64 = 32 * 1024;
/// Prepared statements that the writing connection keeps.
pub const STATEMENTS_CACHED_MAX: usize = 64;
