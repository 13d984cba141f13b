#![doc = include_str!("../README.md")]

mod engine;
mod error;
mod pinned;

pub use engine::{Engine, EngineImage, LoadedImage, Pulled, Pushed};
pub use error::EngineError;
pub use pinned::Pinned;
