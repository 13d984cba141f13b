//! The client against files, people and peers.
#![expect(clippy::expect_used, reason = "a test says what it needs")]

mod keystore;
