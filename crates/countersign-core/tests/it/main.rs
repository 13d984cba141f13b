//! Tests of the core through its public interface: by clause of the specification, by property, and by Notary's own files.
#![expect(clippy::expect_used, reason = "a test says what it needs")]

mod author;
mod author_delegations;
mod mutations;
mod notary_bytes;
mod notary_files;
mod properties;
mod proposal;
mod readers;
mod search;
mod simulator;
mod threshold;
mod traps;
mod tuf_5_3_root;
mod tuf_5_4_timestamp;
mod tuf_5_5_snapshot;
mod tuf_5_6_targets;
