//! The face of Notary, beside Debian's `notary` where that is installed.

mod beside;
mod departures;
mod stage;
mod terminal;
