//! The API version whose shapes events have.

/// The generation of Stripe's shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiShape {
    /// Periods stand on the subscription; invoices and charges name each other.
    Old,
    /// Periods stand on the items; payments of invoices are objects of their own.
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
