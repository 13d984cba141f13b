#![doc = include_str!("../README.md")]

pub mod age;
pub mod cache;
pub mod cache_dir;
pub mod cache_memory;
pub mod changelist;
mod directory;
pub mod export;
mod files;
pub mod history;
pub mod import;
pub mod inspect;
pub mod keystore;
pub mod keystore_dir;
pub mod lookup;
mod parallel;
pub mod passphrase;
pub mod prompt;
pub mod publisher;
pub mod remote;
pub mod remote_http;
pub mod trust_server;
pub mod tuf;
pub mod updater;
pub mod why;
