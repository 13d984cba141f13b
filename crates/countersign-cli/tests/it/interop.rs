//! Beside Debian's `notary` and `notary-server`: the same collections, caches, change lists and keys, and what may go wrong.

mod cache;
mod clock;
mod publishing;
mod rotation;
mod servers;
mod sql;
mod stage;
