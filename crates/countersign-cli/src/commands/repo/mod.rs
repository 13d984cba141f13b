//! `repo`: trust collections, in the vocabulary of Notary's command.

mod export;
mod import;
mod init;
mod list;
mod lookup;
mod publish;
mod recover;
mod reset;
mod root;
mod status;
mod threshold;
mod withdraw;
mod witness;

pub(crate) use self::list::target_table;
pub(crate) use self::recover::RecoverError;
pub(crate) use self::status::staged_table;

use clap::Subcommand;
use countersign_client::remote_http::Access;
use countersign_client::updater::{Refreshed, Roles, UpdateError};
use countersign_core::name::Gun;
use countersign_core::time::UpdateStart;

use crate::app::App;
use crate::exit::ExitStatus;
use crate::refusal::Refusal;
use crate::verdict;

/// Look into trust collections, and publish them
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::Args),
    List(list::Args),
    Lookup(lookup::Args),
    Status(status::Args),
    Publish(publish::Args),
    Reset(reset::Args),
    Withdraw(withdraw::Args),
    Witness(witness::Args),
    Threshold(threshold::Args),
    Root(root::Args),
    Export(export::Args),
    Import(import::Args),
    Recover(recover::Args),
}

/// Runs a verb.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    match args.verb {
        Verb::Init(args) => init::run(args, app).await,
        Verb::Status(args) => status::run(args, app).await,
        Verb::Publish(args) => publish::run(args, app).await,
        Verb::Reset(args) => reset::run(args, app).await,
        Verb::Withdraw(args) => withdraw::run(args, app).await,
        Verb::Witness(args) => witness::run(args, app).await,
        Verb::Threshold(args) => threshold::run(args, app).await,
        Verb::Root(args) => root::run(args, app).await,
        Verb::Export(args) => export::run(args, app).await,
        Verb::Import(args) => import::run(args, app).await,
        Verb::Recover(args) => recover::run(args, app).await,
        Verb::List(args) => list::run(args, app).await,
        Verb::Lookup(args) => lookup::run(args, app).await,
    }
}

/// Brings a collection with all its delegations up to date.
async fn refresh(gun: &Gun, app: &App) -> anyhow::Result<Refreshed> {
    let updater = app.updater(gun, Access::Pull)?;
    let refreshed = updater.refresh(UpdateStart(app.context().now()), Roles::All).await;
    let refreshed = refreshed.map_err(|error| of_update(error, gun))?;
    verdict::tell(&refreshed, updater.remote().server(), app);
    Ok(refreshed)
}

fn of_update(error: UpdateError, gun: &Gun) -> anyhow::Error {
    match error {
        UpdateError::NoTrustData { server, gun, trusted_before } => {
            Refusal::NoTrustData { gun, server, trusted_before }.into()
        }
        error => anyhow::Error::new(error).context(format!("cannot verify `{gun}`")),
    }
}

/// A name as it is printed. It is signed, and still a stranger's text: what moves a cursor or turns the direction of writing
/// is spelled out. The rest is as Notary prints it.
pub(crate) fn shown(name: &str) -> String {
    let is_invisible = |c| matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e01ef}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let spelled_out = |c: char| c.is_control() || is_invisible(c);
    name.chars().flat_map(|c| if spelled_out(c) { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_shows_as_nothing_or_turns_text_is_spelled_out() {
        for hidden in ['\u{ad}', '\u{61c}', '\u{200b}', '\u{202e}', '\u{fe0f}', '\u{e0041}', '\u{1b}'] {
            assert_eq!(shown(&format!("a{hidden}b")), format!("a{}b", hidden.escape_default()));
        }
        assert_eq!(shown("ä-1.4_б"), "ä-1.4_б");
    }
}
