//! `push`: the image first, by the engine, and then what its tag means from now on.
//!
//! What can be tried without asking anybody is tried before the push: whether the keys are here, and whether the passphrase
//! variables open them. Questions come after it, as with Docker. Lines and streams are Docker's.
//!
//! Source: docker/cli `cli/command/image/push.go`, `cli/trust/trust_push.go`.

use anyhow::Context as _;
use countersign_client::changelist::ChangeList;
use countersign_client::publisher::{Published, SignedOutcome, TagToSign};
use countersign_core::author::Change;
use countersign_core::metadata::FileMeta;
use countersign_core::name::{RoleName, TargetName, TopRole};
use countersign_engine::EngineError;
use countersign_registry::reference::{DEFAULT_TAG, ImageReference};

use crate::app::App;
use crate::engine::EngineArgs;
use crate::exit::ExitStatus;
use crate::policy::SnapshotKey;
use crate::progress;
use crate::refusal::Refusal;
use crate::report;

/// Push an image, and sign what its tag means
///
/// The first push to a repository makes its keys: root, and the tagging pair of targets and snapshot.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image: NAME[:TAG]
    #[arg(value_name = "REF")]
    image: ImageReference,
    /// Who keeps the snapshot key of a repository that is signed for the first time
    #[arg(long, value_enum, value_name = "WHO")]
    snapshot_key: Option<SnapshotKey>,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Pushes and signs.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    if args.image.digest().is_some() {
        return Err(Refusal::PushDigest.into());
    }
    let printer = app.printer();
    if args.image.is_name_only() {
        printer.status("Using default tag: latest")?;
    }
    let image = args.image.or_latest();
    push_and_sign(&image, args.snapshot_key, args.engine, app).await?;
    Ok(ExitStatus::Success)
}

/// Pushes what the engine has under this name, which has a tag, and signs what was pushed.
pub(crate) async fn push_and_sign(
    image: &ImageReference,
    snapshot_key: Option<SnapshotKey>,
    engine_args: EngineArgs,
    app: &App,
) -> anyhow::Result<()> {
    let printer = app.printer();
    let familiar = image.familiar();
    let tag = TargetName::from(image.tag().unwrap_or(DEFAULT_TAG).to_owned());
    let engine = app.engine(engine_args)?;
    let publisher = app.publisher(&image.gun(), snapshot_key)?;
    let changes = ChangeList::new(app.context().trust_dir(), image.gun());
    drop_left_over(&changes, app).await?;
    let there =
        app.local_descriptor(engine_args, image)?.ok_or_else(|| EngineError::NoSuchImage(image.clone()))?;
    let planned = TagToSign { tag: tag.clone(), digest: there.digest, size: there.size };
    let checked = publisher.check_keys_before(&planned, app.context().now()).await;
    checked.with_context(|| format!("`{familiar}` could not be signed, so it was not pushed"))?;

    printer.status(format_args!("The push refers to repository [{}]", image.name()))?;
    let pushed = engine.push(image, progress::shown_by(printer)).await;
    let pushed = pushed.with_context(|| format!("cannot push `{familiar}`; nothing was signed"))?;
    printer.status(format_args!("{}: digest: {} size: {}", pushed.tag, pushed.digest, pushed.length))?;

    printer.status("Signing and pushing trust metadata")?;
    let target = TagToSign { tag, digest: pushed.digest, size: pushed.length };
    let published = sign(&target, image, snapshot_key, app).await?;
    tell(&published, image, app)
}

/// Signs what was pushed.
pub(crate) async fn sign(
    target: &TagToSign,
    image: &ImageReference,
    snapshot_key: Option<SnapshotKey>,
    app: &App,
) -> anyhow::Result<Published> {
    let unsigned = || format!("`{}` was pushed, and is not signed", image.familiar());
    let gun = image.gun();
    let publisher = app.publisher(&gun, snapshot_key)?;
    let changes = ChangeList::new(app.context().trust_dir(), gun);
    let change = Change::SetTarget {
        role: RoleName::from(TopRole::Targets),
        name: target.tag.clone(),
        meta: FileMeta::new(target.digest.into(), target.size),
    };
    // While this lives a killed push leaves word of what it wanted; nobody else publishes it.
    let staged = changes.stage_push(&[change], app.context().now()).await.with_context(unsigned)?;
    let published = publisher.publish_target(target, app.context().now()).await.with_context(unsigned)?;
    drop(staged);
    Ok(published)
}

/// What a push that died has left is not published by another one.
///
/// Deviation: Docker publishes it with the next push of whatever tag.
pub(crate) async fn drop_left_over(changes: &ChangeList, app: &App) -> anyhow::Result<()> {
    for left in changes.drop_left_over().await? {
        if let Change::SetTarget { name, .. } = left.change {
            let name = name.as_str().escape_default();
            app.printer().warn(format_args!(
                "an earlier push of `{name}` was cut off before it was signed; push it again"
            ));
        }
    }
    Ok(())
}

/// Says what was signed.
pub(crate) fn tell(published: &Published, image: &ImageReference, app: &App) -> anyhow::Result<()> {
    let printer = app.printer();
    if published.initialised.is_some() {
        printer.status(format_args!("Finished initializing \"{}\"", published.gun))?;
    }
    match &published.outcome {
        SignedOutcome::AlreadySigned { signers } => {
            let signers: Vec<_> = signers.iter().map(RoleName::as_str).collect();
            printer.status(format_args!("Already signed {image} by {}", signers.join(", ")))?;
        }
        _ => printer.status(format_args!("Successfully signed {image}"))?,
    }
    if published.root_renewed {
        printer.say("The root was near its expiry and was signed again");
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
    if let Some(made) = published.initialised.as_ref().filter(|made| made.root_key_is_new) {
        printer.say(format_args!(
            "Back up root key {} in {}: nothing else can replace it",
            made.root_key.short(),
            app.context().trust_dir().join("private").display()
        ));
    }
    if printer.is_quiet() {
        printer.data(image)?;
    }
    Ok(())
}
