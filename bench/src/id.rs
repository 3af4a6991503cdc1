//! Ids shaped like Stripe's, that carry a number: `evt_1S` + time + account + the event's index.
//!
//! The index lets a notice be matched with its webhook by reading five characters. It refuses to
//! read an id that it did not make.

use anyhow::{Context, Result, ensure};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const INDEX_CHARS: usize = 5;
const TIME_CHARS: usize = 4;
const EVENT_PREFIX: &str = "evt_1S";
const ACCOUNT: &str = "B7w0Lk9ZtYqe6";

/// Length of an event id, as Stripe's: `evt_` and 24 characters.
pub const EVENT_ID_BYTES: usize = EVENT_PREFIX.len() + TIME_CHARS + ACCOUNT.len() + INDEX_CHARS;

/// The id of the event with this index, created at this second; ids rise with the time.
#[must_use]
pub fn event(index: usize, created_secs: u64) -> String {
    let time: String = base62(created_secs, TIME_CHARS);
    let index: String = base62(u64::try_from(index).unwrap_or(u64::MAX), INDEX_CHARS);
    format!("{EVENT_PREFIX}{time}{ACCOUNT}{index}")
}

/// The index that an id made by [`event`] carries.
pub fn index_of(event_id: &[u8]) -> Result<usize> {
    ensure!(event_id.len() == EVENT_ID_BYTES, "not an event id of this run");
    let tail = event_id.get(EVENT_ID_BYTES - INDEX_CHARS..).unwrap_or_default();
    tail.iter().try_fold(0_usize, |sum, byte| {
        let digit = digit(*byte).context("not an event id of this run")?;
        Ok(sum * 62 + digit)
    })
}

/// The id of a user.
#[must_use]
pub fn user(index: usize) -> String {
    format!("user_{index:05}")
}

/// The id of a user's customer.
#[must_use]
pub fn customer(index: usize) -> String {
    format!("cus_TSuI{:0>10}", base62(u64::try_from(index).unwrap_or(0), 4))
}

/// The id of a user's subscription.
#[must_use]
pub fn subscription(index: usize) -> String {
    format!("sub_1SVq3c{ACCOUNT}{}", base62(u64::try_from(index).unwrap_or(0), 5))
}

/// The lowest `chars` digits of a number in base 62, in the order of the numbers.
fn base62(number: u64, chars: usize) -> String {
    let mut rest = number;
    let mut digits = vec![b'0'; chars];
    for slot in digits.iter_mut().rev() {
        let digit = usize::try_from(rest % 62).unwrap_or(0);
        *slot = ALPHABET.get(digit).copied().unwrap_or(b'0');
        rest /= 62;
    }
    digits.into_iter().map(char::from).collect()
}

fn digit(byte: u8) -> Option<usize> {
    let (from, base) = match byte {
        b'0'..=b'9' => (b'0', 0),
        b'A'..=b'Z' => (b'A', 10),
        b'a'..=b'z' => (b'a', 36),
        _ => return None,
    };
    Some(usize::from(byte - from) + base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_survives_its_id() {
        for index in [0, 1, 61, 62, 39_999, 916_132_831] {
            let id = event(index, 1_795_365_392);
            assert_eq!(id.len(), 28, "as long as Stripe's");
            assert_eq!(index_of(id.as_bytes()).unwrap(), index);
        }
        assert!(index_of(b"evt_1Nxxxxxxxxxxxxxxxxxxxxx").is_err());
        assert!(index_of(b"evt_1Nxxxxxxxxxxxxxxxxxxx-xx").is_err());
    }

    #[test]
    fn ids_rise_with_the_time() {
        assert!(event(9, 1_795_365_392) < event(8, 1_795_365_393));
    }
}
