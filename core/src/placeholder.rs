//! Placeholders: what manuals and examples write in the place of a secret, and people leave there.

/// Words of placeholders, in lower case. Each is too long to be in a random secret by chance.
const WORDS: [&str; 7] =
    ["…", "...", "changeme", "change-me", "change_me", "placeholder", "replace-me"];
/// Different bytes that a secret has at least. A random one of the shortest allowed length has more.
const DIFFERENT_BYTES_MIN: usize = 6;

/// Whether a secret is a placeholder, or as easily guessed.
#[must_use]
pub fn is_placeholder(secret: &str) -> bool {
    let lower_case = secret.to_ascii_lowercase();
    let mut bytes = secret.as_bytes().to_vec();
    bytes.sort_unstable();
    bytes.dedup();
    bytes.len() < DIFFERENT_BYTES_MIN || WORDS.iter().any(|word| lower_case.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_of_a_manual_is_no_secret() {
        for (secret, expected) in [
            ("whsec_…", true),
            ("whsec_...", true),
            ("ChangeMe-ChangeMe-ChangeMe-ChangeMe", true),
            ("a placeholder of thirty-two bytes", true),
            ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", true),
            ("0123401234012340123401234012340123401234", true),
            ("whsec_5f8c1f0c3b6c8d0b7a3e2d1c9b8a7f6e", false),
            ("a secret of at least thirty-two bytes", false),
            ("c0c84f1a77be3ad0f3b5ee5d4f8c0a1b", false),
        ] {
            assert_eq!(is_placeholder(secret), expected, "{secret}");
        }
    }
}
