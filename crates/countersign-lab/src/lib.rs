#![doc = include_str!("../README.md")]

pub mod fault;
pub mod image;
pub mod proxy;
pub mod registry;
mod serve;
pub mod tls;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use serve::StartError;

/// Takes a lock. A panic elsewhere leaves data that is still whole: every change is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
