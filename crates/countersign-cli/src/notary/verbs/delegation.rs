//! `notary delegation` and the commands below it.

use super::{Command, PUBLISH, flag};
use crate::notary::line::Kind;

pub(super) const COMMAND: Command = Command {
    name: "delegation",
    about: "Operates on delegations.",
    long: "Operations on TUF delegations.",
    usage: "notary delegation [command]",
    flags: &[],
    commands: &[
        Command {
            name: "add",
            about: "Add a keys to delegation using the provided public key X509 certificates.",
            long: "Add a keys to delegation using the provided public key PEM encoded X509 certificates in a specific Global Unique Name.",
            usage: "notary delegation add [ GUN ] [ Role ] <X509 file path 1> ...",
            flags: &[
                flag("all-paths", None, Kind::Switch, "Add all paths to this delegation"),
                flag("paths", None, Kind::Texts, "List of paths to add"),
                PUBLISH,
            ],
            commands: &[],
        },
        Command {
            name: "list",
            about: "Lists delegations for the Global Unique Name.",
            long: "Lists all delegations known to notary for a specific Global Unique Name.",
            usage: "notary delegation list [ GUN ]",
            flags: &[],
            commands: &[],
        },
        Command {
            name: "purge",
            about: "Remove KeyID(s) from all delegation roles in the given GUN.",
            long: "Remove KeyID(s) from all delegation roles in the given GUN, for which the signing keys are available. Warnings will be printed for delegations that cannot be updated.",
            usage: "notary delegation purge [ GUN ]",
            flags: &[
                flag("key", None, Kind::Texts, "Delegation key IDs to be removed from the GUN"),
                PUBLISH,
            ],
            commands: &[],
        },
        Command {
            name: "remove",
            about: "Remove KeyID(s) from the specified Role delegation.",
            long: "Remove KeyID(s) from the specified Role delegation in a specific Global Unique Name.",
            usage: "notary delegation remove [ GUN ] [ Role ] <KeyID 1> ...",
            flags: &[
                flag("all-paths", None, Kind::Switch, "Remove all paths from this delegation"),
                flag("paths", None, Kind::Texts, "List of paths to remove"),
                PUBLISH,
                flag("yes", Some('y'), Kind::Switch, "Answer yes to the removal question (no confirmation)"),
            ],
            commands: &[],
        },
    ],
};
