//! The AWS backend, against emulators of AWS.

mod emulator;
