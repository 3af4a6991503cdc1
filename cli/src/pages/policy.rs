//! The Content-Security-Policy of a page: only this server's files, and the scripts that stand in the page
//! itself, each by its hash. No other page may frame it.

use axum::http::HeaderValue;
use sha2::{Digest as _, Sha256};

/// What a page may load besides scripts.
pub(crate) type Rest = &'static str;

/// The header's value for a page.
pub(super) fn for_page(html: &str, rest: Rest) -> HeaderValue {
    let sources: Vec<_> = inline_scripts(html).map(hash).collect();
    let policy = format!("script-src 'self' {}; {rest}", sources.join(" "));
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static(rest))
}

fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    html.split("<script>").skip(1).filter_map(|rest| Some(rest.split_once("</script>")?.0))
}

/// A source of Content Security Policy, level 3 (section 2.3.1): the algorithm, and the digest in Base64.
fn hash(script: &str) -> String {
    format!("'sha256-{}'", base64(&Sha256::digest(script)))
}

/// Base64 (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0_u32, |group, n| {
            group << 8 | u32::from(chunk.get(n).copied().unwrap_or_default())
        });
        for n in 0..4_usize {
            let index = (group >> (18 - 6 * n)) & 63;
            let letter = ALPHABET.get(index as usize).filter(|_| n <= chunk.len());
            text.push(letter.map_or('=', |letter| char::from(*letter)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn the_scripts_in_a_page_are_allowed_by_their_hashes() {
        let html = "<script>alert('Hello, world.');</script><script src=\"a.js\"></script>";
        let policy = for_page(html, "default-src 'self'; img-src data:");
        // The example of the specification.
        let hash = "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='";
        let start = format!("script-src 'self' {hash}; default-src 'self'; ");
        assert!(policy.to_str().unwrap().starts_with(&start), "{policy:?}");
    }
}
