//! `push`: the image first, by the engine, and then what its tag means from now on.
//!
//! What can be tried without asking anybody is tried before the push: whether the keys are here, and whether the passphrase
//! variables open them. Questions come after it, as with Docker. Lines and streams are Docker's.
//!
//! Source: docker/cli `cli/command/image/push.go`, `cli/trust/trust_push.go`.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use countersign_client::changelist::ChangeList;
use countersign_client::publisher::{Published, Publisher, SignedOutcome, TagToSign};
use countersign_core::author::Change;
use countersign_core::digest::Digest;
use countersign_core::metadata::FileMeta;
use countersign_core::name::{RoleName, TargetName, TopRole};
use countersign_engine::{Engine, EngineError};
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
    /// Push every tag of the repository that the engine has, and sign each
    #[arg(long, short)]
    all_tags: bool,
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
    if args.all_tags && args.image.tag().is_some() {
        return Err(Refusal::TagWithAll.into());
    }
    if args.image.is_name_only() && !args.all_tags {
        app.printer().status("Using default tag: latest")?;
    }
    let engine = app.engine(&args.engine).await?;
    let images =
        if args.all_tags { tags(&args.image, &*engine).await? } else { vec![args.image.or_latest()] };
    push_and_sign(&images, args.snapshot_key, engine, app).await?;
    Ok(ExitStatus::Success)
}

/// Pushes what the engine has under these names, tags of one repository, and signs each as what was pushed.
pub(crate) async fn push_and_sign(
    images: &[ImageReference],
    snapshot_key: Option<SnapshotKey>,
    engine: Arc<dyn Engine>,
    app: &App,
) -> anyhow::Result<()> {
    let Some(first) = images.first() else { return Ok(()) };
    let publisher = app.publisher(&first.gun(), snapshot_key)?;
    drop_left_over(&ChangeList::new(app.context().trust_dir(), first.gun()), app).await?;
    let push = Push { app, engine, publisher };
    for image in images {
        push.one(image).await?;
    }
    Ok(())
}

/// Signs what was pushed, with the publisher that has tried its keys.
pub(crate) async fn sign(
    publisher: &Publisher,
    target: &TagToSign,
    image: &ImageReference,
    app: &App,
) -> anyhow::Result<Published> {
    let unsigned = || format!("`{}` was pushed, and is not signed", image.familiar());
    let changes = ChangeList::new(app.context().trust_dir(), image.gun());
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

/// The names with tags that a repository has here.
///
/// Deviation: Docker pushes all tags unsigned. Here each is signed, from its own digest
/// (test `push_of_all_tags_signs_each_of_its_own_digest`).
async fn tags(repository: &ImageReference, engine: &dyn Engine) -> anyhow::Result<Vec<ImageReference>> {
    let images = engine.images().await?.into_iter().filter_map(|image| image.reference);
    let here = images.filter(|image| image.name() == repository.name() && image.tag().is_some());
    let tags: BTreeSet<_> = here.collect();
    if tags.is_empty() {
        return Err(EngineError::NoSuchImage(repository.clone()).into());
    }
    Ok(tags.into_iter().collect())
}

struct Push<'run> {
    app: &'run App,
    engine: Arc<dyn Engine>,
    publisher: Publisher,
}

impl Push<'_> {
    async fn one(&self, image: &ImageReference) -> anyhow::Result<()> {
        let (app, printer) = (self.app, self.app.printer());
        let familiar = image.familiar();
        let tag = TargetName::from(image.tag().unwrap_or(DEFAULT_TAG).to_owned());
        let planned = match self.engine.planned_push(image).await? {
            Some(there) => TagToSign { tag: tag.clone(), digest: there.digest, size: there.size },
            // Not known before; whatever it is wants the same keys, unless it is signed already.
            None => TagToSign { tag: tag.clone(), digest: Digest::sha256(b""), size: 0 },
        };
        let checked = self.publisher.check_keys_before(&planned, app.context().now()).await;
        checked.with_context(|| format!("`{familiar}` could not be signed, so it was not pushed"))?;

        let pushed = self.engine.push(image, progress::shown_by(printer)).await;
        let pushed = pushed.with_context(|| format!("cannot push `{familiar}`; nothing was signed"))?;

        printer.status("Signing and pushing trust metadata")?;
        let target = TagToSign { tag, digest: pushed.digest, size: pushed.length };
        let published = sign(&self.publisher, &target, image, app).await?;
        tell(&published, image, app)
    }
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
    match &published.initialised {
        Some(made) if made.root_key_is_new => printer.say(format_args!(
            "Back up root key {} in {}: nothing else can replace it",
            made.root_key.short(),
            app.context().trust_dir().join("private").display()
        )),
        Some(made) => printer.say(format_args!("Its root key is {}", made.root_key)),
        None => {}
    }
    if printer.is_quiet() {
        printer.data(image)?;
    }
    Ok(())
}
