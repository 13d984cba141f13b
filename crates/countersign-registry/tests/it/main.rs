//! The registry client against hosts that behave, and against hosts that don't; the image store likewise.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it needs")]

mod auth;
mod credentials;
mod docker_registry;
mod http;
mod peer;
mod place;
mod registry;
mod store;
mod transfer;
