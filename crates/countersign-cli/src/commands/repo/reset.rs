//! `repo reset`: drops what is staged.

use countersign_client::changelist::ChangeList;
use countersign_core::name::Gun;

use crate::app::App;
use crate::exit::ExitStatus;

/// Drop staged changes of a collection
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collection: the full name of a repository, such as docker.io/library/alpine
    #[arg(value_name = "GUN")]
    gun: Gun,
    /// The changes, by their numbers in `repo status`
    #[arg(long, short, value_delimiter = ',', value_name = "NUMBER", required_unless_present = "all")]
    number: Vec<usize>,
    /// Every change
    #[arg(long, conflicts_with = "number")]
    all: bool,
}

/// Drops, in Notary's words. A number that stands for nothing is fine, as with Notary.
///
/// Source: notary `cmd/notary/tuf.go` (`tufReset`).
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let list = ChangeList::new(app.context().trust_dir(), args.gun.clone());
    if args.all {
        list.clear().await?;
    } else {
        let staged = list.list().await?;
        let chosen = args.number.iter().filter_map(|number| staged.get(*number));
        let files: Vec<_> = chosen.map(|change| change.file.clone()).collect();
        list.remove(&files).await?;
    }
    app.printer().status(format_args!("Successfully reset specified changes for repository {}", args.gun))?;
    Ok(ExitStatus::Success)
}
