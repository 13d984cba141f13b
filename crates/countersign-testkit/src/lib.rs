#![doc = include_str!("../README.md")]
#![expect(clippy::expect_used, clippy::panic, reason = "for tests: what is missing ends the test, in words")]

pub mod command;
pub mod daemon;
pub mod fake_daemon;
pub mod normalise;
pub mod peers;
pub mod terminal;

pub use countersign_lab::image;
