//! What the verbs for keys refuse, and what may help.

use std::path::PathBuf;

use countersign_core::key::KeyId;
use thiserror::Error;

/// Something that was not done with a key.
#[derive(Debug, Error)]
pub(crate) enum KeyRefusal {
    /// No key has this id.
    #[error("no key here has an id that begins with {id}")]
    Unknown {
        /// The id or its beginning.
        id: String,
    },
    /// Several do.
    #[error("the ids of several keys begin with {beginning}")]
    Ambiguous {
        /// What they begin with.
        beginning: String,
    },
    /// No key at all.
    #[error("there is no key to export")]
    Nothing,
    /// A token without a module that reaches it.
    #[error("no PKCS#11 module is named; no token can be used")]
    NoModule,
    /// Nothing to back up.
    #[error("there is no key to back up; nothing was written")]
    NothingToBackUp,
    /// A file that others can read, with a key that needs no passphrase.
    #[error("`{}` is not encrypted, and others may read it (mode {mode:04o}); nothing was imported", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A key whose file says that it is another one.
    #[error("`{}` says that it holds key {named}, and holds {found}; nothing was imported", path.display())]
    OtherKey {
        /// The file.
        path: PathBuf,
        /// What its header says.
        named: String,
        /// What is in it.
        found: KeyId,
    },
    /// A key of one collection without the collection's name.
    #[error("`{}` holds a {role} key and does not say of which collection; nothing was imported", path.display())]
    NoCollection {
        /// The file.
        path: PathBuf,
        /// The key's role.
        role: String,
    },
    /// A role that is none.
    #[error("`{}` names the role `{}`, which is none; nothing was imported", path.display(), role.escape_default())]
    Role {
        /// The file.
        path: PathBuf,
        /// What it names.
        role: String,
    },
    /// A file that is there already.
    #[error("`{}` is there already; nothing was written", path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// The only copy of a key.
    #[error("no other copy of key {} ({role}) is known here; it was not removed", id.short())]
    LastCopy {
        /// The key.
        id: KeyId,
        /// Its role.
        role: String,
    },
}

impl KeyRefusal {
    /// What may help.
    pub(crate) fn hint(&self) -> String {
        let text = match self {
            Self::Unknown { .. } | Self::Ambiguous { .. } => {
                "`countersign key list` shows the keys that are here"
            }
            Self::Nothing | Self::NothingToBackUp => "`countersign key generate` makes one",
            Self::NoModule => {
                "`COUNTERSIGN_PKCS11_MODULE` names the library of the token's maker, such as /usr/lib/x86_64-linux-gnu/libykcs11.so"
            }
            Self::Open { path, .. } => return format!("chmod 600 {}", path.display()),
            Self::OtherKey { .. } => "two key files may have been mixed up; nobody but their owner can tell",
            Self::NoCollection { .. } => "`--gun` says of which",
            Self::Role { .. } => {
                "a role is root, targets, snapshot, timestamp, a delegation (targets/NAME), or a signer's name"
            }
            Self::FileExists { .. } => "`--force` replaces it",
            Self::LastCopy { .. } => {
                "what it signed can never be signed again without it: `countersign key backup` makes a copy, `--force` removes it"
            }
        };
        text.to_owned()
    }
}
