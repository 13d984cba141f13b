//! The command line: one program, one struct per verb.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::commands::{
    demo, doctor, generate, images, key, load, login, logout, plugin, policy, pull, push, repo, save, server,
    shim, status, trust, tuf, why,
};
use crate::docker::own;
use crate::notary;

/// Content trust for container images: a publisher signs what a tag means, and nobody gets anything else
#[derive(Debug, Parser)]
#[command(name = "countersign", version, propagate_version = false, max_term_width = 100, after_long_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// At most 100 columns wide. Headings stand left, names two columns in, what goes on further in: `generate reference` reads this.
const AFTER_HELP: &str = "\
Variables:
  DOCKER_CONTENT_TRUST         whether the shim enforces trust
  DOCKER_CONTENT_TRUST_SERVER  the trust server, https://HOST:PORT; without it, docker.io has Docker
                               Hub's and every other registry its own host
  DOCKER_CONFIG                Docker's configuration directory, in place of ~/.docker
  COUNTERSIGN_POLICY           a policy file that comes before yours
  COUNTERSIGN_PINS             pins, or a file of them, whose path begins with / or .
  CI                           set, a first use without a pin prints a line to commit
  COUNTERSIGN_LOG              more reports: debug, countersign_client=trace, ...
  NO_COLOR                     no colours
  HTTPS_PROXY, HTTP_PROXY, NO_PROXY
                               as everywhere
  SSL_CERT_FILE, SSL_CERT_DIR  authorities, in place of the system's
  REGISTRY_AUTH_FILE           credentials that podman keeps, else in XDG_RUNTIME_DIR
  XDG_CONFIG_HOME, XDG_DATA_HOME
                               where your policy and pins are, and the images of the local store

Variables that open keys:
  DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE        root keys
  DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE  every other key
  DOCKER_CONTENT_TRUST_TARGET_PASSPHRASE      targets keys, where that one is not set
  DOCKER_CONTENT_TRUST_SNAPSHOT_PASSPHRASE    snapshot keys, likewise
  COUNTERSIGN_NEW_PASSPHRASE                  what `key passwd` changes a passphrase to
  COUNTERSIGN_BACKUP_PASSPHRASE               of the file that `key backup` writes
  COUNTERSIGN_PKCS11_PIN                      the PIN of a token
  ..._FILE                                    a file with it, in place of any of these
  COUNTERSIGN_PASSPHRASE_COMMAND              a command that prints passphrases
  DBUS_SESSION_BUS_ADDRESS                    the session whose keyring may have them
  COUNTERSIGN_PKCS11_MODULE                   the library through which keys in hardware are used
  COUNTERSIGN_PKCS11_TOKEN                    which token, where there are several

Variables of engines:
  COUNTERSIGN_ENGINE           who keeps the images: docker, podman or local
  DOCKER_HOST, DOCKER_CONTEXT  the Docker daemon, as with Docker
  DOCKER_TLS, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH, DOCKER_API_VERSION
                               how it is spoken to, likewise
  DOCKER_BUILDKIT              0 has Docker's older builder build
  CONTAINER_HOST               podman's service
  CONTAINERS_REGISTRIES_CONF   what podman takes short names for, in place of its own files

Files:
  ~/.docker/trust/private         private keys
  ~/.config/countersign/policy.toml
                                  your policy, else ~/.docker/trust/policy.toml;
                                  /etc/countersign/policy.toml is the system's
  ~/.config/countersign/pins      your pins: NAME KEY-ID on each line
  ~/.docker/tls/HOST:PORT/ca.crt  the authority of a trust server or a registry

Exit codes:
  0 done, 1 failed or could not be checked, 2 wrong command line, 3 checked and not trusted";

/// What every verb takes.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Options of every verb")]
pub(crate) struct Global {
    /// Docker's configuration directory, with trust data, TLS files and credentials
    ///
    /// Without it: the variable `DOCKER_CONFIG`, else `~/.docker`.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) config: Option<PathBuf>,
    /// Print only what was asked for, and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Pull(pull::Args),
    Push(push::Args),
    Run(own::RunArgs),
    Create(own::CreateArgs),
    Build(own::BuildArgs),
    Load(load::Args),
    Save(save::Args),
    Images(images::Args),
    Login(login::Args),
    Logout(logout::Args),
    Why(why::Args),
    Trust(trust::Args),
    Status(status::Args),
    Policy(policy::Args),
    Repo(repo::Args),
    Key(key::Args),
    Tuf(tuf::Args),
    Shim(shim::Args),
    Plugin(plugin::Args),
    Server(server::Args),
    Doctor(doctor::Args),
    Notary(notary::Args),
    Demo(demo::Args),
    #[command(hide = true)]
    Generate(generate::Args),
}

impl Command {
    /// Whether several threads are worth their start.
    pub(crate) fn is_heavy(&self) -> bool {
        matches!(self, Self::Pull(_) | Self::Push(_) | Self::Trust(_) | Self::Server(_))
    }
}
