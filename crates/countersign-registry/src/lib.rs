#![doc = include_str!("../README.md")]

pub mod auth;
pub mod client;
pub mod credentials;
pub mod descriptor;
pub mod http;
pub mod manifest;
mod members;
pub mod reference;
pub mod store;
pub mod transfer;
