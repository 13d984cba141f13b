//! The command line: one program, one struct per verb.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::commands::{
    demo, doctor, generate, images, key, load, login, logout, pull, push, repo, save, server, why,
};

/// Content trust for container images: a publisher signs what a tag means, and nobody gets anything else
#[derive(Debug, Parser)]
#[command(name = "countersign", version, propagate_version = false, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

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
    Load(load::Args),
    Save(save::Args),
    Images(images::Args),
    Login(login::Args),
    Logout(logout::Args),
    Why(why::Args),
    Repo(repo::Args),
    Key(key::Args),
    Server(server::Args),
    Doctor(doctor::Args),
    Demo(demo::Args),
    #[command(hide = true)]
    Generate(generate::Args),
}

impl Command {
    /// Whether several threads are worth their start.
    pub(crate) fn is_heavy(&self) -> bool {
        matches!(self, Self::Pull(_) | Self::Push(_) | Self::Server(_))
    }
}
