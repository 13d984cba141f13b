//! `notary key` and the commands below it.

use super::{Command, flag};
use crate::notary::line::Kind;

pub(super) const COMMAND: Command = Command {
    name: "key",
    about: "Operates on keys.",
    long: "Operations on private keys.",
    usage: "notary key [command]",
    flags: &[],
    commands: &[
        Command {
            name: "export",
            about: "Exports all keys from all local keystores. Can be filtered using the --key and --gun flags.",
            long: "Exports all keys from all local keystores. Which keys are exported can be restricted by using the --key or --gun flags. By default the result is sent to stdout, it can be directed to a file with the -o flag. Keys stored in a Yubikey cannot be exported.",
            usage: "notary key export",
            flags: &[
                flag("gun", None, Kind::Texts, "GUNs for which to export keys"),
                flag("key", None, Kind::Texts, "Key IDs to export"),
                flag("output", Some('o'), Kind::Text, "Filepath to write export output to"),
            ],
            commands: &[],
        },
        Command {
            name: "generate",
            about: "Generates a new key with a given algorithm.",
            long: "Generates a new key with a given algorithm. If hardware key storage (e.g. a Yubikey) is available, generated root keys will be stored both on hardware and on disk (so that it can be backed up).  Please make sure to back up and then remove this on-key disk immediatelyafterwards. If a `--output` file name is provided, two files will be written, <output>.pem and <output>-key.pem, containing the publicand private keys respectively (the key will not be stored in Notary's key storage, including any connected hardware storage). If no `--role` is provided, \"root\" will be assumed.",
            usage: "notary key generate [ algorithm ]",
            flags: &[
                flag("output", Some('o'), Kind::Text, "Filepath to write export output to"),
                flag(
                    "role",
                    Some('r'),
                    Kind::Text,
                    "Role to generate key with, defaulting to \"root\". (default \"root\")",
                ),
            ],
            commands: &[],
        },
        Command {
            name: "import",
            about: "Imports all keys from all provided .pem files",
            long: "Imports all keys from all provided .pem files by reading each PEM block from the file and writing that block to a unique object in the local keystore. A Yubikey will be the preferred import location for root keys if present.",
            usage: "notary key import pemfile [ pemfile ... ]",
            flags: &[
                flag(
                    "gun",
                    Some('g'),
                    Kind::Text,
                    "Gun to import key with, if a gun is not already given in a PEM header",
                ),
                flag(
                    "role",
                    Some('r'),
                    Kind::Text,
                    "Role to import key with, if a role is not already given in a PEM header",
                ),
            ],
            commands: &[],
        },
        Command {
            name: "list",
            about: "Lists keys.",
            long: "Lists all keys known to notary.",
            usage: "notary key list",
            flags: &[],
            commands: &[],
        },
        Command {
            name: "passwd",
            about: "Changes the passphrase for the key with the given keyID.",
            long: "Changes the passphrase for the key with the given keyID.  Will require validation of the old passphrase.",
            usage: "notary key passwd [ keyID ]",
            flags: &[],
            commands: &[],
        },
        Command {
            name: "remove",
            about: "Removes the key with the given keyID.",
            long: "Removes the key with the given keyID.  If the key is stored in more than one location, you will be asked which one to remove.",
            usage: "notary key remove [ keyID ]",
            flags: &[],
            commands: &[],
        },
        Command {
            name: "rotate",
            about: "Rotate a signing (non-root) key of the given type for the given Globally Unique Name and role.",
            long: "Generates a new key for the given Globally Unique Name and role (one of \"snapshot\", \"targets\", \"root\", or \"timestamp\").  If rotating to a server-managed key, a new key is requested from the server rather than generated.  If the generation or key request is successful, the key rotation is immediately published.  No other changes, even if they are staged, will be published.",
            usage: "notary key rotate [ GUN ] [ key role ]",
            flags: &[
                flag(
                    "key",
                    Some('k'),
                    Kind::Texts,
                    "New key(s) to rotate to. If not specified, one will be generated.",
                ),
                flag(
                    "legacy",
                    Some('l'),
                    Kind::Number,
                    "Number of old version's root roles to sign with to support old clients",
                ),
                flag(
                    "server-managed",
                    Some('r'),
                    Kind::Switch,
                    "Signing and key management will be handled by the remote server (no key will be generated or stored locally). Required for timestamp role, optional for snapshot role",
                ),
            ],
            commands: &[],
        },
    ],
};
