//! What SQS takes as text: which characters, and which ids.
//!
//! Everything that does not fit travels in another form, and comes out as it went in.

use std::borrow::Cow;

use aws_smithy_types::base64;
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Longest id of a group or for deduplication
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
const SQS_ID_MAX_BYTES: usize = 128;
/// Before an id that is a digest of the real one.
const DIGEST: &str = "sha256:";
/// Before a body that is in base64, as in a URL of the scheme `data`. It is part of the body and no
/// attribute, since a dead letter has the ten attributes that a message may have.
const BASE64: &str = "data:;base64,";

/// An id of ours as one that SQS takes: the same where it can be, otherwise its digest. Two
/// different ids stay different.
pub(super) fn sqs_id(id: &str) -> Cow<'_, str> {
    // SQS takes letters, digits and punctuation of ASCII: all that has ink.
    let fits = (1..=SQS_ID_MAX_BYTES).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic())
        && !id.starts_with(DIGEST);
    if fits {
        Cow::Borrowed(id)
    } else {
        Cow::Owned(format!("{DIGEST}{}", hex::encode(Sha256::digest(id))))
    }
}

/// Whether SQS takes this in a body or in an attribute
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
pub(super) fn is_carried(text: &str) -> bool {
    let carried = |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    !text.is_empty() && text.chars().all(carried)
}

/// A body as SQS takes it.
pub(super) fn to_body(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if is_carried(text) && !text.starts_with(BASE64) => text.to_owned(),
        _ => format!("{BASE64}{}", base64::encode(bytes)),
    }
}

/// A body as it was before [`to_body`]; `None` where it never was.
pub(super) fn from_body(body: &str) -> Option<Bytes> {
    match body.strip_prefix(BASE64) {
        Some(encoded) => base64::decode(encoded).ok().map(Bytes::from),
        None => Some(Bytes::copy_from_slice(body.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_that_does_not_fit_is_its_digest_and_no_other_ids() {
        let digest = sqs_id("cus ü").into_owned();
        let (longest, longer) = ("x".repeat(128), "x".repeat(129));
        let ids = ["evt_1", "!~", &longest, &longer, "cus ü", "", " ", "a\u{7f}", &digest];
        let mapped: Vec<_> = ids.iter().map(|id| sqs_id(id)).collect();
        assert_eq!(mapped.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{mapped:?}");
        for (id, mapped) in ids.iter().zip(&mapped) {
            let kept = ["evt_1", "!~", &longest].contains(id);
            assert_eq!(id == mapped, kept, "{id}: {mapped}");
            assert_eq!(mapped.len(), if kept { id.len() } else { 71 });
            assert!(mapped.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }

    #[test]
    fn characters_that_sqs_refuses_are_known() {
        for (text, carried) in [
            ("", false),
            ("\t\n\r ~", true),
            ("\u{7f}\u{d7ff}\u{e000}\u{fffd}\u{10000}\u{10ffff}", true),
            ("a\0", false),
            ("\u{8}", false),
            ("\u{b}", false),
            ("\u{c}", false),
            ("\u{1f}", false),
            ("\u{fffe}", false),
            ("\u{ffff}", false),
        ] {
            assert_eq!(is_carried(text), carried, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_body_comes_out_as_it_went_in(bytes: Vec<u8>, text: String) {
            let prefixed = format!("{BASE64}{text}");
            for body in [&bytes[..], text.as_bytes(), prefixed.as_bytes(), b""] {
                let carried = to_body(body);
                prop_assert!(is_carried(&carried));
                prop_assert_eq!(from_body(&carried).unwrap(), body);
            }
        }
    }
}
