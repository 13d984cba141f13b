//! `pull`: the image that a signed tag means, and no other.
//!
//! Nothing is fetched by tag, and nothing is tagged before its digest was compared. Whatever fails, the local tag stays where
//! it was. Lines and streams are Docker's.
//!
//! Source: docker/cli `cli/command/image/{pull,trust}.go`.

use std::sync::Arc;

use anyhow::Context as _;
use countersign_client::lookup::{list_tags, resolve_tag};
use countersign_client::remote_http::Access;
use countersign_client::updater::{Refreshed, Roles, Updater};
use countersign_core::digest::Digest;
use countersign_core::name::TargetName;
use countersign_core::time::UpdateStart;
use countersign_engine::{Engine, Pinned};
use countersign_registry::descriptor::Platform;
use countersign_registry::reference::ImageReference;

use crate::app::App;
use crate::engine::EngineArgs;
use crate::exit::ExitStatus;
use crate::progress;
use crate::refusal::{self, Refusal};
use crate::unsigned;
use crate::verdict;

/// Pull an image that its publisher signed
///
/// The tag is looked up in the signed trust data of its repository, and the image is pulled by the digest found there. A
/// reference with a digest alone needs no trust data. With a tag and a digest, both must agree.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image: NAME[:TAG][@DIGEST]
    #[arg(value_name = "REF")]
    image: ImageReference,
    /// Pull every signed tag of the repository
    #[arg(long, short)]
    all_tags: bool,
    /// The platform to choose from an index of several, such as linux/arm64
    #[arg(long)]
    platform: Option<Platform>,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Pulls.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    if args.all_tags && !args.image.is_name_only() {
        return Err(Refusal::TagWithAll.into());
    }
    if args.image.is_name_only() && !args.all_tags {
        app.printer().status("Using default tag: latest")?;
    }
    let engine = app.engine(&args.engine).await?;
    let pull = Pull { app, engine, platform: args.platform };
    if args.all_tags {
        return pull.all(&args.image).await;
    }
    let image = args.image.or_latest();
    match (image.tag().map(str::to_owned), image.digest().copied()) {
        (None, Some(digest)) => pull.digest(&image, digest).await,
        (tag, digest) => pull.tag(&image, tag.unwrap_or_default(), digest).await,
    }
}

struct Pull<'run> {
    app: &'run App,
    engine: Arc<dyn Engine>,
    platform: Option<Platform>,
}

impl Pull<'_> {
    /// A digest says by itself which image is meant.
    async fn digest(&self, image: &ImageReference, digest: Digest) -> anyhow::Result<ExitStatus> {
        let pinned = unsigned::pinned(image, digest, self.app)?;
        self.fetch(&pinned).await?;
        self.app.printer().data(pinned)?;
        Ok(ExitStatus::Success)
    }

    async fn tag(
        &self,
        image: &ImageReference,
        tag: String,
        digest: Option<Digest>,
    ) -> anyhow::Result<ExitStatus> {
        let tagged = image.without_suffix().with_tag(&tag)?;
        let (updater, refreshed) = match self.refresh(image).await {
            Ok(refreshed) => refreshed,
            Err(refusal) => {
                let decision = unsigned::admit(refusal, image, self.app)?;
                let digest = unsigned::digest(&decision, image, self.app).await?;
                return self.place_last(&tagged, digest).await;
            }
        };
        let name = TargetName::from(tag.clone());
        let target = resolve_tag(&refreshed.collection, &name, updater.settings().releases)
            .map_err(|error| refusal::of_lookup(error, &tag))?;
        if let Some(found) = digest.filter(|digest| *digest != target.digest) {
            return Err(Refusal::OtherDigest { tag, signed: target.digest, found }.into());
        }
        self.app.printer().say(verdict::line(
            &tagged,
            &target,
            &refreshed.collection,
            self.app.context().now(),
        ));
        self.place_last(&tagged, target.digest).await
    }

    async fn place_last(&self, tagged: &ImageReference, digest: Digest) -> anyhow::Result<ExitStatus> {
        self.place(tagged, digest, 1, 1).await?;
        self.app.printer().data(tagged)?;
        Ok(ExitStatus::Success)
    }

    async fn all(&self, image: &ImageReference) -> anyhow::Result<ExitStatus> {
        let (updater, refreshed) = self.refresh(image).await?;
        let targets = list_tags(&refreshed.collection, updater.settings().releases)?;
        if targets.is_empty() {
            return Err(Refusal::NoTrustedTags { gun: image.gun() }.into());
        }
        for (index, target) in targets.iter().enumerate() {
            let tagged = image.with_tag(target.name.as_str()).with_context(|| {
                format!("signed name `{}` is no tag", target.name.as_str().escape_default())
            })?;
            let now = self.app.context().now();
            self.app.printer().say(verdict::line(&tagged, target, &refreshed.collection, now));
            self.place(&tagged, target.digest, index + 1, targets.len()).await?;
        }
        self.app.printer().data(image)?;
        Ok(ExitStatus::Success)
    }

    async fn refresh(&self, image: &ImageReference) -> anyhow::Result<(Updater, Refreshed)> {
        let updater = self.app.updater(&image.gun(), Access::Pull)?;
        let start = UpdateStart(self.app.context().now());
        let refreshed = updater.refresh(start, Roles::Pull).await;
        let refreshed = refreshed.map_err(|error| refusal::of_update(error, image))?;
        verdict::tell(&refreshed, updater.remote().server(), self.app);
        Ok((updater, refreshed))
    }

    /// Pulls by digest, then tags.
    async fn place(
        &self,
        tagged: &ImageReference,
        digest: Digest,
        index: usize,
        count: usize,
    ) -> anyhow::Result<()> {
        let printer = self.app.printer();
        let pinned = unsigned::pinned(tagged, digest, self.app)?;
        let familiar = tagged.familiar();
        printer.status(format_args!("Pull ({index} of {count}): {familiar}@{digest}"))?;
        let unchanged = || format!("cannot pull `{pinned}`; `{familiar}` means here what it meant before");
        self.fetch(&pinned).await.with_context(unchanged)?;
        let before = self.engine.resolve(tagged).await.with_context(unchanged)?;
        printer.say(format_args!("Tagging {} as {familiar}", pinned.familiar()));
        self.engine.tag(&pinned, tagged).await.with_context(|| format!("cannot tag `{familiar}`"))?;
        if let Some(before) = before.filter(|before| !before.is(&digest)) {
            let digest = before.digests.first().unwrap_or(&before.id);
            printer.say(format_args!("`{familiar}` was another image here until now, {digest}"));
        }
        Ok(())
    }

    async fn fetch(&self, pinned: &Pinned) -> anyhow::Result<()> {
        let printer = self.app.printer();
        self.engine.pull(pinned, self.platform.as_ref(), progress::shown_by(printer)).await?;
        Ok(())
    }
}
