#![doc = include_str!("../README.md")]

pub mod fault;
pub mod image;
pub mod registry;
mod serve;
pub mod tls;
