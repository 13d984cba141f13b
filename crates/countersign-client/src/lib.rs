#![doc = include_str!("../README.md")]

mod files;
pub mod keystore;
pub mod keystore_dir;
pub mod passphrase;
pub mod prompt;
