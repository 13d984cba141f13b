//! `repo witness`: a delegation that nobody can use, because its signers were taken from it or its file is gone.

use countersign_client::publisher::{Preview, Unusable, Witnessed};
use countersign_core::name::{Gun, RoleName};
use countersign_core::time::{UpdateStart, is_expired};
use countersign_core::trust::Unsigned;

use crate::app::App;
use crate::commands::trust::{confirmed, preview_lines, tell_published};
use crate::exit::ExitStatus;

/// Sign again what a delegation says that too few of its keys have signed
///
/// When the only key goes that signed a delegation, nobody may use what that says, and no other signer goes on from it. This shows
/// what it says, asks, and signs exactly that with a key of the delegation, or with `--empty` nothing of it. A delegation whose file
/// the trust server has no more, as after an import that left it out, is begun anew with `--empty`.
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
    let Some(shown) = publisher.unusable(&args.role, app.context().now()).await? else {
        app.printer().status(format_args!(
            "{} of {} lacks no signature; nothing was published",
            args.role, args.gun
        ))?;
        return Ok(ExitStatus::Success);
    };
    match &shown {
        Unusable::Unsigned(unsigned) => show(&args, unsigned, app)?,
        Unusable::Removed(trusted) => app.printer().tell(format_args!(
            "{} of {} was trusted here in version {trusted}, and the trust server has no file of it any more",
            args.role, args.gun
        )),
    }
    let witnessed = if args.empty { Witnessed::Nothing } else { Witnessed::AsItIs };
    let question = match (&shown, witnessed) {
        (Unusable::Removed(_), Witnessed::Nothing) => "Sign that it says nothing?",
        (_, Witnessed::Nothing) => "Sign that it says nothing of this any more?",
        (_, Witnessed::AsItIs) => "Sign all of this?",
    };
    // Of nothing, there is nothing to agree to.
    let is_signable = !matches!((&shown, witnessed), (Unusable::Removed(_), Witnessed::AsItIs));
    if is_signable && !args.yes && !confirmed(app, question) {
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
    let printer = app.printer();
    printer.data(format_args!("{} of {} says:", args.role, args.gun))?;
    let mut preview = Preview::default();
    preview.add_targets(&args.role, None, Some(&shown.says));
    printer.data_text(&preview_lines(&preview))?;
    if is_expired(shown.says.expires, UpdateStart(app.context().now())) {
        printer.warn("this has expired: something newer may have been said since, that is not known here");
    }
    if shown.trusted_before {
        printer.tell(
            "Too few keys of the role have signed this. It was the last that was trusted here, by keys that the role had then.",
        );
        return Ok(());
    }
    let claimed: Vec<_> = shown.claimed_signers.iter().map(|id| id.escape_default().to_string()).collect();
    printer.warn(format_args!(
        "too few keys of the role have signed this, and it was never trusted here: anybody may have written it. Its signatures name {}",
        if claimed.is_empty() { "no key".to_owned() } else { claimed.join(", ") }
    ));
    Ok(())
}
