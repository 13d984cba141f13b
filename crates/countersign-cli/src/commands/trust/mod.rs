//! `trust`: signers, their keys and signatures, in the vocabulary, words and streams of `docker trust`.
//!
//! Source: docker/cli `cli/command/trust/`; reference behaviour 7.

mod adopt;
pub(crate) mod approve;
mod changes;
mod diff;
mod error;
mod history;
mod inspect;
mod key;
mod offered;
pub(crate) mod proposal;
mod repin;
mod revoke;
mod sign;
mod signer;

pub(crate) use self::changes::lines as preview_lines;

use clap::Subcommand;
use countersign_client::publisher::Published;
use countersign_registry::reference::ImageReference;

use crate::app::App;
use crate::exit::ExitStatus;
use crate::output::Printer;
use crate::report;

pub(crate) use adopt::AdoptError;
pub(crate) use error::SigningError;
pub(crate) use repin::RepinRefusal;

/// Sign images, and manage who may
///
/// The verbs are those of `docker trust`, and so is what they print.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Inspect(inspect::Args),
    Sign(sign::Args),
    Revoke(revoke::Args),
    Key(key::Args),
    Signer(signer::Args),
    Adopt(adopt::Args),
    Approve(approve::Args),
    Diff(diff::Args),
    History(history::Args),
    Repin(repin::Args),
}

/// Whose verbs these are: what a cancelled question and a failure among several mean depends on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Face {
    /// Our own: a cancelled question is a failure, and errors have causes, hints and exit codes.
    Own,
    /// Docker's: a cancelled question ends with 0, and an error is one line.
    Docker,
}

impl Face {
    /// How the program ends when a question was not answered with yes.
    fn cancelled(self) -> ExitStatus {
        match self {
            Self::Own => ExitStatus::Failure,
            Self::Docker => ExitStatus::Success,
        }
    }

    /// Says why one of several did not work; what that would mean for the program if it were the only one.
    fn tell(self, error: &anyhow::Error, app: &App) -> ExitStatus {
        let status = self.report(error, app.printer());
        if self == Self::Docker {
            app.printer().tell("");
        }
        status
    }

    /// Says why it ended so.
    pub(crate) fn report(self, error: &anyhow::Error, printer: &Printer) -> ExitStatus {
        match self {
            Self::Own => report::report(error, printer),
            Self::Docker => {
                printer.tell(report::one_line(error.as_ref()));
                ExitStatus::Failure
            }
        }
    }
}

/// Runs a verb.
pub(crate) async fn run(args: Args, app: &App, face: Face) -> anyhow::Result<ExitStatus> {
    match args.verb {
        Verb::Inspect(args) => inspect::run(args, app, face).await,
        Verb::Sign(args) => sign::run(args, app, face).await,
        Verb::Revoke(args) => revoke::run(args, app, face).await,
        Verb::Key(args) => key::run(&args, app, face),
        Verb::Signer(args) => signer::run(args, app, face).await,
        Verb::Adopt(args) => adopt::run(args, app, face).await,
        Verb::Approve(args) => approve::run(args, app).await,
        Verb::Diff(args) => diff::run(args, app).await,
        Verb::History(args) => history::run(args, app).await,
        Verb::Repin(args) => repin::run(args, app).await,
    }
}

/// Asks a question that only `y` answers with yes.
pub(crate) fn confirmed(app: &App, question: &str) -> bool {
    app.ask(&format!("{question} [y/N] ")).is_some_and(|answer| answer.trim().eq_ignore_ascii_case("y"))
}

/// An image that has a tag, or nothing behind its name; a digest says what it means by itself.
fn without_digest(text: &str) -> anyhow::Result<ImageReference> {
    let image: ImageReference = text.parse()?;
    if image.digest().is_some() {
        return Err(SigningError::Digest.into());
    }
    Ok(image)
}

/// Says what else is worth knowing of a publication.
pub(crate) fn tell_published(published: &Published, app: &App) {
    let printer = app.printer();
    if published.root_renewed {
        printer.say("The root was signed again");
    }
    for warning in &published.warnings {
        printer.warn(report::one_line(warning));
    }
    if let Err(error) = &published.confirmed {
        printer.warn(format_args!(
            "published, but the server does not show it yet: {}",
            report::one_line(error)
        ));
    }
    if let Some(made) = &published.initialised {
        let private = app.context().trust_dir().join("private");
        let what = if made.root_key_is_new {
            format!(
                "Back up root key {} in {}: nothing else can replace it",
                made.root_key.short(),
                private.display()
            )
        } else {
            format!("Its root key is {}", made.root_key)
        };
        printer.say(what);
    }
}

/// Whether this can be a signer's name.
///
/// Source: docker/cli `cli/command/trust/key_generate.go` (`validKeyName`).
fn is_signer_name(text: &str) -> bool {
    let first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.as_bytes().first().is_some_and(first)
        && text.bytes().all(|byte| first(&byte) || matches!(byte, b'-' | b'_'))
}
