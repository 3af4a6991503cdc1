//! The API version whose shapes events have.

/// The generation of Stripe's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiShape {
    /// Periods are on the subscription; invoices and charges name each other.
    Old,
    /// Periods are on the items; the payments of an invoice are objects of their own.
    Basil,
}

impl ApiShape {
    /// The `api_version` of the events.
    pub(super) fn api_version(self) -> &'static str {
        match self {
            Self::Old => "2024-06-20",
            Self::Basil => "2025-03-31.basil",
        }
    }
}
