//! The program itself, run with clean environments against servers on loopback.

#![expect(clippy::expect_used, reason = "a test says what it needs")]

#[path = "../../../countersign-core/tests/it/simulator.rs"]
#[expect(dead_code, reason = "the core's tests edit collections in more ways than these")]
mod collection;

mod archives;
mod attacks;
mod demo;
mod docker;
mod doctor;
mod engines;
mod guides;
mod help;
mod interop;
mod keys;
mod login;
mod notary;
mod output;
mod peers;
mod policy;
mod pull;
mod push;
mod repo;
mod server;
mod status;
mod traps;
mod trust;
mod tuf;
mod why;
mod world;
