//! Moving whole images between a registry and a place that keeps blobs.
//!
//! The traits here are what a place must offer; manifests and indexes are blobs to it like any other.

mod error;
mod parallel;
mod place;
mod progress;
mod pull;
mod push;

pub use error::TransferError;
pub use place::{BlobReader, BlobSink, BlobSource, BlobWriter};
pub use progress::{Progress, Silent, State, short_id};
pub use pull::{PARALLEL_DOWNLOADS, Platforms, Pull, Pulled, pull};
pub use push::{PARALLEL_UPLOADS, Push, Pushed, push};
