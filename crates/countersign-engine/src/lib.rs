#![doc = include_str!("../README.md")]

pub mod build;
mod engine;
mod error;
mod local;
mod pinned;

pub use engine::{Engine, EngineImage, LoadedImage, Pulled, Pushed};
pub use error::EngineError;
pub use local::{LocalEngine, Registries};
pub use pinned::Pinned;
