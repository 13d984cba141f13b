//! How much of anything is accepted. One struct, every read.

use crate::name::TopRole;

/// Upper bounds for one collection.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest accepted root file, in bytes. Default 4 MiB.
    pub root_bytes: u64,
    /// Largest accepted timestamp file, in bytes. Default 64 KiB.
    pub timestamp_bytes: u64,
    /// Largest accepted snapshot file, in bytes. Default 16 MiB.
    pub snapshot_bytes: u64,
    /// Largest accepted targets or delegation file, in bytes. Default 100 MiB, as Notary.
    pub targets_bytes: u64,
    /// Most signatures on one file. Default 1,024.
    pub signatures: usize,
    /// Most signatures of one file that are verified, each over the whole file; further ones count for nothing. Default 64.
    pub verifications: usize,
    /// Most root rotations followed in one update. Default 1,024.
    pub root_rotations: usize,
    /// Most delegated roles declared by one file, and most loaded in one update. Default 1,024.
    pub delegations: usize,
}

impl Limits {
    /// The largest file of a top-level role, in bytes.
    pub fn file_bytes(&self, role: Option<TopRole>) -> u64 {
        match role {
            Some(TopRole::Root) => self.root_bytes,
            Some(TopRole::Timestamp) => self.timestamp_bytes,
            Some(TopRole::Snapshot) => self.snapshot_bytes,
            Some(TopRole::Targets) | None => self.targets_bytes,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            root_bytes: 4 << 20,
            timestamp_bytes: 64 << 10,
            snapshot_bytes: 16 << 20,
            targets_bytes: 100 << 20,
            signatures: 1024,
            verifications: 64,
            root_rotations: 1024,
            delegations: 1024,
        }
    }
}
