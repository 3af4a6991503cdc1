//! Contract suite, end-to-end, simulation and chaos tests.
