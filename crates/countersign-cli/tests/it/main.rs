//! The program itself, run with clean environments against servers on loopback.

#![expect(clippy::expect_used, reason = "a test says what it needs")]

mod archives;
mod demo;
mod doctor;
mod help;
mod keys;
mod login;
mod policy;
mod pull;
mod push;
mod repo;
mod server;
mod why;
mod world;
