//! `repo witness`: what a delegation says whose signers were taken from it.

use countersign_client::publisher::Witnessed;
use countersign_core::metadata::{Delegation, FileMeta};
use countersign_core::name::{Gun, RoleName, TargetName};
use countersign_core::trust::Unsigned;

use crate::app::App;
use crate::commands::trust::{confirmed, tell_published};
use crate::exit::ExitStatus;

/// Sign again what a delegation says that nobody has signed who may
///
/// When the only key goes that signed a delegation, nobody may use what that says, and no other signer goes on from it. This shows
/// what it says, asks, and signs exactly that with a key of the delegation, or with `--empty` nothing of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collection: the full name of a repository, such as docker.io/library/alpine
    #[arg(value_name = "GUN")]
    gun: Gun,
    /// The delegation, such as targets/releases
    #[arg(value_name = "ROLE")]
    role: RoleName,
    /// Have it say nothing: no tags and no delegations
    #[arg(long)]
    empty: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Shows it, asks, and signs it.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let publisher = app.publisher(&args.gun, None)?;
    let Some(shown) = publisher.unsigned(&args.role, app.context().now()).await? else {
        app.printer().status(format_args!(
            "{} of {} lacks no signature; nothing was published",
            args.role, args.gun
        ))?;
        return Ok(ExitStatus::Success);
    };
    show(&args, &shown, app)?;
    let (question, witnessed) = if args.empty {
        ("Sign that it says nothing of this any more?", Witnessed::Nothing)
    } else {
        ("Sign all of this?", Witnessed::AsItIs)
    };
    if !args.yes && !confirmed(app, question) {
        app.printer().say("Nothing was signed or published");
        return Ok(ExitStatus::Failure);
    }
    let published = publisher.witness(&args.role, &shown, witnessed, app.context().now()).await?;
    tell_published(&published, app);
    app.printer().status(format_args!("Signed {} of {} again", args.role, args.gun))?;
    Ok(ExitStatus::Success)
}

/// Prints all that it says, and how much that is worth.
fn show(args: &Args, shown: &Unsigned, app: &App) -> anyhow::Result<()> {
    let (printer, says) = (app.printer(), &shown.says);
    printer.data(format_args!("{} of {}, version {}, says:", args.role, args.gun, says.version))?;
    for (name, meta) in says.targets.entries() {
        printer.data(format_args!("  {}", target(&name, &meta)))?;
    }
    for declared in &says.delegations.roles {
        printer.data(format_args!("  {}", delegation(declared)))?;
    }
    if says.targets.is_empty() && says.delegations.roles.is_empty() {
        printer.data("  nothing")?;
    }
    if shown.trusted_before {
        printer.tell(
            "No key of the role has signed this. It was trusted here before, by keys that the role had then.",
        );
        return Ok(());
    }
    let claimed: Vec<_> = shown.claimed_signers.iter().map(|id| id.escape_default().to_string()).collect();
    printer.warn(format_args!(
        "no key of the role has signed this, and it was never trusted here: anybody may have written it. Its signatures name {}",
        if claimed.is_empty() { "no key".to_owned() } else { claimed.join(", ") }
    ));
    Ok(())
}

fn target(name: &TargetName, meta: &FileMeta) -> String {
    let digest = meta.hashes.sha256().map_or_else(|| "no digest".to_owned(), |digest| digest.to_string());
    let note = meta
        .custom
        .as_ref()
        .map(|note| format!(", note {}", note.to_string().escape_default()))
        .unwrap_or_default();
    format!("{} = {digest}, {} bytes{note}", name.as_str().escape_default(), meta.length)
}

fn delegation(declared: &Delegation) -> String {
    let keys: Vec<_> = declared.keyids.iter().map(ToString::to_string).collect();
    let paths: Vec<_> = declared.paths.iter().map(|path| format!("`{}`", path.escape_default())).collect();
    format!(
        "delegates {} to {}, by {} of the keys {}",
        paths.join(", "),
        declared.name,
        declared.threshold.get(),
        keys.join(", ")
    )
}
