//! Limits of operators' commands, most of them on AWS.

/// Time that one attempt of an operator's call to AWS may take, in milliseconds.
pub const AWS_PERSON_ATTEMPT_TIMEOUT_MS: u64 = 10_000;
/// Time that an operator's call to AWS may take with all its attempts, in milliseconds.
pub const AWS_PERSON_CALL_TIMEOUT_MS: u64 = 30_000;
/// Time before the end of [`DEAD_LETTERS_HIDDEN_SECS`] at which what a redrive holds is received again, in seconds.
pub const DEAD_LETTERS_HELD_MARGIN_SECS: u64 = 20;
/// Bytes of dead letters' bodies that one scan reads: they are in memory together.
pub const DEAD_LETTERS_BYTES_PER_SCAN_MAX: usize = 256 * 1024 * 1024;
/// Size of bodies with which a page of dead letters ends, however few they are, in bytes.
pub const DEAD_LETTERS_PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Groups of dead letters that one request lists. Those of further groups are counted together.
pub const DEAD_LETTER_GROUPS_MAX: usize = 500;
/// Receives of dead letters at the same time.
pub const DEAD_LETTERS_RECEIVES_AT_ONCE_MAX: usize = 8;
/// Days for which what is left of an erased user is kept: longer than any token that was issued before is valid.
pub const ERASED_KEPT_DAYS: i64 = 30;
/// Rows of the ledger that an erasure replaces at once.
pub const ERASED_ROWS_AT_ONCE_MAX: usize = 10;
/// Time for which the console of a deployment on AWS shows the same status, in seconds: each time it is asked for, all dead
/// letters are received.
pub const CONSOLE_STATUS_KEPT_SECS: u64 = 30;
/// Time for which the console of a deployment on AWS predicts by the same policy of the worker, in seconds.
pub const CONSOLE_POLICY_KEPT_SECS: u64 = 10;
/// Notes on groups of dead letters that are read on AWS.
pub const NOTES_MAX: usize = 1_000;
/// Notes on one page of the index on AWS.
pub const NOTES_PAGE_MAX: usize = 100;
/// Rows of the ledger on AWS that one scan of the table keeps in memory. For older ones the table is scanned again.
pub const LEDGER_ROWS_PER_SCAN_MAX: usize = 50_000;
/// Parts of the table that are scanned at the same time for rows of the ledger.
pub const LEDGER_SCAN_SEGMENTS: i32 = 8;
/// Time for which an interrupted scan, or a redrive, hides dead letters from other scans, in seconds.
pub const DEAD_LETTERS_HIDDEN_SECS: u64 = 120;
/// Dead letters that one scan reads.
pub const DEAD_LETTERS_PER_SCAN_MAX: usize = 10_000;
/// Dead letters that are received on AWS to find out which of some events are among them.
pub const DEAD_AMONG_READ_MAX: usize = 1_000;
/// Time that SQS waits for a dead letter in a scan, in seconds. Without a wait SQS asks only some of its
/// servers, and may miss messages.
pub const DEAD_LETTERS_WAIT_SECS: u64 = 1;
/// Waiting things that operators have listed at once.
pub const WAITING_LISTED_MAX: usize = 200;
