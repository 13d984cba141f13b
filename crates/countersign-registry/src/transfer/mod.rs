//! Moving whole images between a registry and a place that keeps blobs.
//!
//! The traits here are what a place must offer; manifests and indexes are blobs to it like any other.

mod place;
mod progress;

pub use place::{BlobReader, BlobSink, BlobSource, BlobWriter};
pub use progress::{Progress, Silent, State, short_id};
