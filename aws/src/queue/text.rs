//! Ids and bodies in the characters and lengths that SQS allows.
//!
//! What SQS does not allow is encoded, and decoded to the same value.

use std::borrow::Cow;

use aws_smithy_types::base64;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tierlift_core::limits::SQS_ID_BYTES_MAX;

/// Prefix of an id that is the digest of the original one.
const DIGEST_PREFIX: &str = "sha256:";
/// Prefix of a body in base64, as in a `data:` URL. It is part of the body and not an attribute, because
/// a dead letter already has the ten attributes that SQS allows.
const BASE64_PREFIX: &str = "data:;base64,";

/// A group or deduplication id that SQS allows: the same id where possible, otherwise its digest.
/// Different ids stay different.
pub(super) fn sqs_id(id: &str) -> Cow<'_, str> {
    // SQS allows letters, digits and punctuation of ASCII.
    let fits = (1..=SQS_ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic())
        && !id.starts_with(DIGEST_PREFIX);
    if fits {
        Cow::Borrowed(id)
    } else {
        Cow::Owned(format!("{DIGEST_PREFIX}{}", hex::encode(Sha256::digest(id))))
    }
}

/// Whether SQS allows a text in a body or in an attribute
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
pub(super) fn is_allowed(text: &str) -> bool {
    let is_allowed = |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    !text.is_empty() && text.chars().all(is_allowed)
}

/// A body in a form that SQS allows.
pub(super) fn to_body(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if is_allowed(text) && !text.starts_with(BASE64_PREFIX) => text.to_owned(),
        _ => format!("{BASE64_PREFIX}{}", base64::encode(bytes)),
    }
}

/// The body that [`to_body`] encoded; `None` where it is not a body of that form.
pub(super) fn from_body(body: &str) -> Option<Bytes> {
    match body.strip_prefix(BASE64_PREFIX) {
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
            let unchanged = ["evt_1", "!~", &longest].contains(id);
            assert_eq!(id == mapped, unchanged, "{id}: {mapped}");
            assert_eq!(mapped.len(), if unchanged { id.len() } else { 71 });
            assert!(mapped.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }

    #[test]
    fn knows_the_characters_that_sqs_refuses() {
        for (text, allowed) in [
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
            assert_eq!(is_allowed(text), allowed, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_body_comes_out_as_it_went_in(bytes: Vec<u8>, text: String) {
            let prefixed = format!("{BASE64_PREFIX}{text}");
            for body in [&bytes[..], text.as_bytes(), prefixed.as_bytes(), b""] {
                let encoded = to_body(body);
                prop_assert!(is_allowed(&encoded));
                prop_assert_eq!(from_body(&encoded).unwrap(), body);
            }
        }
    }
}
