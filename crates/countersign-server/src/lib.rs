#![doc = include_str!("../README.md")]

mod certificates;
mod chain;
pub mod clock;
pub mod config;
mod files;
pub mod http;
pub mod keys;
mod secret;
mod serve;
mod server;
pub mod service;
pub mod storage;
mod tls;
mod validate;

pub use certificates::CertificateError;
pub use secret::SecretError;
pub use server::{RunningServer, Server, StartError};
pub use validate::{Rejection, RejectionKind};
