//! Beside Debian's `notary` and `notary-server`: the same collections, caches, change lists and keys, and what may go wrong.

mod cache;
mod changes;
mod clock;
mod delegations;
mod disk;
mod processes;
mod prompts;
mod publishing;
mod registries;
mod rotation;
mod servers;
mod sql;
mod stage;
mod thresholds;
