//! Repositories of the TUF specification, 1.0: any of them, beside the collections of images.
//!
//! ```text
//! TufRepository    where files are: one address for metadata, one for targets
//! TufStore         what is trusted here: a directory with the newest trusted file of each role
//! TufUpdater       refresh → TufView
//! TufView          find (what a name means) → download
//! ```
//!
//! The checks are the core's, the same that collections of images go through. What differs is how files are named, that
//! roles are asked for one after the other, and that each file is stored as soon as it is trusted: the stored timestamp
//! and snapshot are the floors against rollback (TUF 1.0.34 §5.3.8, §5.4.5, §5.5.7).

mod download;
mod error;
mod place;
mod repository;
mod store;
mod updater;
mod view;

use countersign_core::digest::Digest;

pub use download::Downloaded;
pub use error::{TufError, TufTargetError};
pub use repository::{TufRepository, TufRepositoryError};
pub use store::TufStore;
pub use updater::TufUpdater;
pub use view::{TufTarget, TufView};

/// Longest quoted name that is a file name, in bytes.
const NAME_BYTES: usize = 200;

/// A name as one segment of a path or a URL: what is not a letter, a digit, `_`, `.`, `-` or `~` is written `%XX`.
fn quoted(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => out.push(char::from(byte)),
            byte => out.extend(["%", &hex::encode_upper([byte])]),
        }
    }
    out
}

/// A quoted name as a file name, which must not be long.
fn short(quoted: String) -> String {
    if quoted.len() <= NAME_BYTES { quoted } else { Digest::sha256(quoted.as_bytes()).hex() }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn name_stays_one_segment() {
        assert_eq!(quoted("../a b?#%é"), "..%2Fa%20b%3F%23%25%C3%A9");
        assert_eq!(quoted("registry.npmjs.org"), "registry.npmjs.org");
    }
}
