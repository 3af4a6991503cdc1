//! The generated files of `docs/reference/`.
