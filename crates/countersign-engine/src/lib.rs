#![doc = include_str!("../README.md")]

pub mod build;
pub mod docker;
mod engine;
mod error;
mod local;
mod output;
mod pinned;
pub mod podman;
mod registries;
mod text;

pub use engine::{Engine, EngineImage, LoadedImage, LocalImage, Pulled, Pushed};
pub use error::EngineError;
pub use local::{LOCAL, LocalEngine};
pub use output::{Count, Output, Part};
pub use pinned::Pinned;
pub use registries::Registries;
