//! The face of Notary, beside Debian's `notary` where that is installed.

mod beside;
mod connection;
mod departures;
mod flags;
mod keys;
mod script;
mod stage;
mod terminal;
