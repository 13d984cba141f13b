//! What a transfer says while it runs.

use countersign_core::digest::Digest;

/// Hears how a transfer goes. Called often and from several tasks: it must return at once.
pub trait Progress: Send + Sync {
    /// The blob of this digest is in this state.
    fn report(&self, digest: &Digest, state: &State);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _: &Digest, _: &State) {}
}

/// The state of one blob. Docker's words for it are in parentheses.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum State {
    /// Waits for its turn ("Waiting", "Preparing").
    Waiting,
    /// Bytes arrive ("Downloading").
    Downloading {
        /// Bytes that arrived.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The transfer broke off and goes on after a pause ("Retrying in 1 second").
    Retrying {
        /// Which attempt comes next, counted from 2.
        attempt: u32,
    },
    /// All bytes are here and are being made durable ("Verifying Checksum").
    Verifying,
    /// It is here ("Download complete", "Pull complete").
    Complete,
    /// It was here before ("Already exists").
    AlreadyExists,
    /// Bytes leave ("Pushing").
    Pushing {
        /// Bytes that left.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The registry has it now ("Pushed").
    Pushed,
    /// The registry took it from another repository, named here ("Mounted from library/alpine").
    MountedFrom(String),
    /// The registry had it before ("Layer already exists").
    LayerAlreadyExists,
}

/// The first 12 hexadecimal digits of a digest, as Docker names layers.
pub fn short_id(digest: &Digest) -> String {
    let mut hex = digest.hex();
    hex.truncate(12);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_id_has_twelve_digits() {
        assert_eq!(short_id(&Digest::sha256(b"")), "e3b0c44298fc");
    }
}
