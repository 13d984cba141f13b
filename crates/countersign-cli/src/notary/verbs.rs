//! The commands of Notary and their flags, as `--help` shows them.
//!
//! Source: observed on Debian's `notary` 0.7.0; a test holds this table against it.

mod delegation;
mod key;

use super::line::{Flag, Kind};

/// A command.
#[derive(Debug)]
pub(super) struct Command {
    /// Its word.
    pub(super) name: &'static str,
    /// What a list of commands says of it.
    pub(super) about: &'static str,
    /// What its own help says of it.
    pub(super) long: &'static str,
    /// How it is called, without flags.
    pub(super) usage: &'static str,
    /// Its own flags, by name.
    pub(super) flags: &'static [Flag],
    /// The commands below it.
    pub(super) commands: &'static [Self],
}

const fn flag(name: &'static str, short: Option<char>, kind: Kind, about: &'static str) -> Flag {
    Flag { name, short, kind, about }
}

const PUBLISH: Flag = flag(
    "publish",
    Some('p'),
    Kind::Switch,
    "Automatically attempt to publish after staging the change. Will also publish existing staged changes.",
);

/// Every command's; what it says ends with the command's name.
pub(super) const HELP: Flag = flag("help", Some('h'), Kind::Switch, "help for ");

/// The flags that every command takes.
pub(super) const GLOBAL: &[Flag] = &[
    flag("configFile", Some('c'), Kind::Text, "Path to the configuration file to use"),
    flag("debug", Some('D'), Kind::Switch, "Debug output"),
    flag("server", Some('s'), Kind::Text, "Remote trust server location"),
    flag("tlscacert", None, Kind::Text, "Trust certs signed only by this CA"),
    flag("tlscert", None, Kind::Text, "Path to TLS certificate file"),
    flag("tlskey", None, Kind::Text, "Path to TLS key file"),
    flag("trustDir", Some('d'), Kind::Text, "Directory where the trust data is persisted to"),
    flag("verbose", Some('v'), Kind::Switch, "Verbose output"),
];

/// The program itself.
pub(super) static NOTARY: Command = Command {
    name: "notary",
    about: "",
    long: "Notary allows the creation and management of collections of signed targets, allowing the signing and validation of arbitrary content.",
    usage: "notary",
    flags: &[flag("version", None, Kind::Switch, "Print the version number of notary")],
    commands: &[
        Command {
            name: "add",
            about: "Adds the file as a target to the trusted collection.",
            long: "Adds the file as a target to the local trusted collection identified by the Globally Unique Name. This is an offline operation.  Please then use `publish` to push the changes to the remote trusted collection.",
            usage: "notary add [ GUN ] <target> <file>",
            flags: &[
                flag("custom", None, Kind::Text, "Path to the file containing custom data for this target"),
                PUBLISH,
                flag("roles", Some('r'), Kind::Texts, "Delegation roles to add this target to"),
            ],
            commands: &[],
        },
        Command {
            name: "addhash",
            about: "Adds the byte size and hash(es) as a target to the trusted collection.",
            long: "Adds the specified byte size and hash(es) as a target to the local trusted collection identified by the Globally Unique Name. This is an offline operation.  Please then use `publish` to push the changes to the remote trusted collection.",
            usage: "notary addhash [ GUN ] <target> <byte size> <hashes>",
            flags: &[
                flag("custom", None, Kind::Text, "Path to the file containing custom data for this target"),
                PUBLISH,
                flag("roles", Some('r'), Kind::Texts, "Delegation roles to add this target to"),
                flag("sha256", None, Kind::Text, "hex encoded sha256 of the target to add"),
                flag("sha512", None, Kind::Text, "hex encoded sha512 of the target to add"),
            ],
            commands: &[],
        },
        delegation::COMMAND,
        Command {
            name: "delete",
            about: "Deletes all content for a trusted collection",
            long: "Deletes all local content for a trusted collection identified by the Globally Unique Name. Remote data can also be deleted with an additional flag.",
            usage: "notary delete [ GUN ]",
            flags: &[flag(
                "remote",
                None,
                Kind::Switch,
                "Delete remote data for GUN in addition to local cache",
            )],
            commands: &[],
        },
        Command {
            name: "init",
            about: "Initializes a local trusted collection.",
            long: "Initializes a local trusted collection identified by the Globally Unique Name. This is an online operation.",
            usage: "notary init [ GUN ]",
            flags: &[
                PUBLISH,
                flag(
                    "rootcert",
                    None,
                    Kind::Text,
                    "Root certificate must match root key if a root key is supplied, otherwise it must match a key present in keystore",
                ),
                flag("rootkey", None, Kind::Text, "Root key to initialize the repository with"),
            ],
            commands: &[],
        },
        key::COMMAND,
        Command {
            name: "list",
            about: "Lists targets for a remote trusted collection.",
            long: "Lists all targets for a remote trusted collection identified by the Globally Unique Name. This is an online operation.",
            usage: "notary list [ GUN ]",
            flags: &[flag(
                "roles",
                Some('r'),
                Kind::Texts,
                "Delegation roles to list targets for (will shadow targets role)",
            )],
            commands: &[],
        },
        Command {
            name: "lookup",
            about: "Looks up a specific target in a remote trusted collection.",
            long: "Looks up a specific target in a remote trusted collection identified by the Globally Unique Name.",
            usage: "notary lookup [ GUN ] <target>",
            flags: &[],
            commands: &[],
        },
        Command {
            name: "publish",
            about: "Publishes the local trusted collection.",
            long: "Publishes the local trusted collection identified by the Globally Unique Name, sending the local changes to a remote trusted server.",
            usage: "notary publish [ GUN ]",
            flags: &[],
            commands: &[],
        },
        Command {
            name: "remove",
            about: "Removes a target from a trusted collection.",
            long: "Removes a target from the local trusted collection identified by the Globally Unique Name. This is an offline operation.  Please then use `publish` to push the changes to the remote trusted collection.",
            usage: "notary remove [ GUN ] <target>",
            flags: &[
                PUBLISH,
                flag("roles", Some('r'), Kind::Texts, "Delegation roles to remove this target from"),
            ],
            commands: &[],
        },
        Command {
            name: "reset",
            about: "Resets unpublished changes for the local trusted collection.",
            long: "Resets unpublished changes for the local trusted collection identified by the Globally Unique Name.",
            usage: "notary reset [ GUN ]",
            flags: &[
                flag("all", None, Kind::Switch, "Reset all changes shown in the status list"),
                flag(
                    "number",
                    Some('n'),
                    Kind::Numbers,
                    "Numbers of specific changes to exclusively reset, as shown in status list",
                ),
            ],
            commands: &[],
        },
        Command {
            name: "status",
            about: "Displays status of unpublished changes to the local trusted collection.",
            long: "Displays status of unpublished changes to the local trusted collection identified by the Globally Unique Name.",
            usage: "notary status [ GUN ]",
            flags: &[],
            commands: &[],
        },
        Command {
            name: "verify",
            about: "Verifies if the content is included in the remote trusted collection",
            long: "Verifies if the data passed in STDIN is included in the remote trusted collection identified by the Globally Unique Name.",
            usage: "notary verify [ GUN ] <target>",
            flags: &[
                flag("input", Some('i'), Kind::Text, "Read from a file, instead of STDIN"),
                flag("output", Some('o'), Kind::Text, "Write to a file, instead of STDOUT"),
                flag("quiet", Some('q'), Kind::Switch, "No output except for errors"),
            ],
            commands: &[],
        },
        Command {
            name: "version",
            about: "Print the version number of notary",
            long: "Print the version number of notary",
            usage: "notary version",
            flags: &[],
            commands: &[],
        },
        Command {
            name: "witness",
            about: "Marks roles to be re-signed the next time they're published",
            long: "Marks roles to be re-signed the next time they're published. Currently will always bump version and expiry for role. N.B. behaviour may change when thresholding is introduced.",
            usage: "notary witness [ GUN ] <role> ...",
            flags: &[PUBLISH],
            commands: &[],
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_flag_is_on_the_page() {
        let page = include_str!("../../../../docs/reference/notary.md");
        let has = |word: &str| page.contains(&format!("`{word}`")) || page.contains(&format!(" {word}`"));
        let mut commands: Vec<&Command> = vec![&NOTARY];
        while let Some(command) = commands.pop() {
            commands.extend(command.commands);
            assert!(!command.commands.is_empty() || has(command.name), "`{}` is not there", command.usage);
            for flag in command.flags.iter().chain(GLOBAL) {
                let short = flag.short.is_some_and(|short| has(&format!("-{short}")));
                assert!(
                    short || has(&format!("--{}", flag.name)),
                    "`--{}` of `{}`",
                    flag.name,
                    command.usage
                );
            }
        }
    }
}
