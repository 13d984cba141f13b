#![doc = include_str!("../README.md")]

mod asn1;
pub mod author;
pub mod canonical;
pub mod certificate;
pub mod digest;
pub mod key;
pub mod key_file;
pub mod limits;
pub mod metadata;
pub mod name;
pub mod number;
mod pem;
pub mod public_key_file;
pub mod sign;
pub mod signature;
mod spki;
pub mod time;
pub mod trust;
pub mod verify;
