//! The runners and launchers, tried on what Debian has.
#![expect(clippy::expect_used, reason = "a test says what it needs")]

mod command;
mod daemon;
mod peers;
mod terminal;
