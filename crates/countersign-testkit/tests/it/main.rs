//! The runners and launchers, tried on what Debian has; and the pages on security, held against what they name.
#![expect(clippy::expect_used, reason = "a test says what it needs")]

mod command;
mod daemon;
mod pages;
mod peers;
mod terminal;
