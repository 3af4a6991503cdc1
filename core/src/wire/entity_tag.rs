//! Entity tags (RFC 9110, section 8.8.3) of answers that a host may keep and ask about again.

use sha2::{Digest as _, Sha256};

/// The tag of a body. A session has its account's epoch and version, and also shows what changes without a
/// commit, by the time or by the policy: so the tag is of all of it.
#[must_use]
pub fn of(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    format!("\"{}\"", hex::encode(digest.get(..16).unwrap_or_default()))
}

/// Whether an `If-None-Match` header lists the tag (RFC 9110, section 13.1.2).
#[must_use]
pub fn is_listed(tag: &str, if_none_match: &str) -> bool {
    let tags = if_none_match.split(',').map(str::trim);
    tags.map(|listed| listed.strip_prefix("W/").unwrap_or(listed))
        .any(|listed| listed == "*" || listed == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list() {
        let tag = of(b"{}");
        assert_eq!(tag, "\"44136fa355b3678a1146ad16f7e8649e\"");
        let (weak, several) = (format!("W/{tag}"), format!("\"a\", {tag}"));
        for (list, expected) in [
            (tag.as_str(), true),
            (&weak, true),
            (&several, true),
            ("*", true),
            ("\"a\"", false),
            (tag.trim_matches('"'), false),
            ("", false),
        ] {
            assert_eq!(is_listed(&tag, list), expected, "{list}");
        }
    }
}
