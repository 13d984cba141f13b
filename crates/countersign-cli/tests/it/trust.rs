//! `trust`: signers and signatures, beside Docker's own `docker trust` where that is installed.

mod beside_docker;
mod beyond;
mod flags;
mod moving;
mod recover;
mod signing;
mod stage;
mod team;
mod witness;
