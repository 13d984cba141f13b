//! `generate`: what packages of this program need besides it.

mod reference;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{CommandFactory as _, Subcommand};
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::ExitStatus;
use crate::output::Printer;

/// Generate shell completions, man pages and the reference of the command line, for packages
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write a man page for each verb
    Man {
        /// Where to; made when it is not there
        dir: PathBuf,
    },
    /// Print the page of every verb, as Markdown
    Reference,
}

/// Generates.
pub(crate) fn run(args: &Args, printer: &Printer) -> anyhow::Result<ExitStatus> {
    match &args.what {
        What::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "countersign", &mut script);
            printer.data_text(&String::from_utf8_lossy(&script))?;
        }
        What::Man { dir } => write_man_pages(dir)?,
        What::Reference => printer.data_text(&reference::page(Cli::command()))?,
    }
    Ok(ExitStatus::Success)
}

fn write_man_pages(dir: &Path) -> anyhow::Result<()> {
    let written = std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir));
    written.with_context(|| format!("cannot write man pages to `{}`", dir.display()))
}
