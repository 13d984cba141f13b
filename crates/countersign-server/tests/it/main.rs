//! The server over HTTP: every route, every rule of an upload, renewals, TLS, and Debian's `notary` as a client.

#![expect(clippy::expect_used, reason = "a test says what it needs")]

mod keys;
mod network;
mod notary_client;
mod notary_server;
mod proposals;
mod publish;
mod refused;
mod renew;
mod routes;
mod setting;
mod upload;
mod verdicts;
