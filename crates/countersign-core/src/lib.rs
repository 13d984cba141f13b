#![doc = include_str!("../README.md")]

mod asn1;
pub mod certificate;
pub mod digest;
pub mod key;
pub mod name;
pub mod number;
mod pem;
pub mod sign;
mod spki;
pub mod time;
pub mod verify;
