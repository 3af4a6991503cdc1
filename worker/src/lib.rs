//! Load, decide, commit: one event after another, per customer in order.
