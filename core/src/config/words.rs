//! Settings that have one of a few values, each a word.

/// An enum of words: its values, how each is configured, and how it is read.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $format:literal, [$($(#[$value_doc:meta])* $value:ident = $text:literal),* $(,)?]) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
        pub enum $name {
            $($(#[$value_doc])* #[serde(rename = $text)] $value,)*
        }

        impl $name {
            /// The format, for error messages.
            pub const FORMAT: &str = $format;
            /// Every value, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$value),*];

            /// The value as it is configured.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text,)* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::config::ValueError;

            fn from_str(text: &str) -> Result<Self, $crate::config::ValueError> {
                let found = Self::ALL.iter().copied().find(|value| value.as_str() == text);
                found.ok_or_else(|| $crate::config::ValueError::Word {
                    value: text.to_owned(),
                    allowed: Self::FORMAT,
                })
            }
        }
    };
}

pub(crate) use words;
