//! The client against files, people and peers.
#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it needs")]

#[path = "../../../countersign-core/tests/it/simulator.rs"]
#[expect(dead_code, reason = "the core's tests edit collections in more ways than these")]
mod collection;
mod simulator;

mod attacks;
mod bad_answers;
mod cache;
mod changelist;
mod demands;
mod export;
mod import;
mod keystore;
mod notary;
mod offline;
mod people;
mod proposals;
mod publish;
mod publishing;
mod releases;
mod roots;
mod updates;
mod why;
