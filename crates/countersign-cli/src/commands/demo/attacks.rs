//! What trust is for: attacks, and what becomes of them.

use anyhow::{Context as _, bail, ensure};
use countersign_client::updater::UpdateError;
use countersign_core::digest::Digest;
use countersign_core::name::TopRole;
use countersign_core::trust::TrustError;
use countersign_engine::EngineError;
use countersign_lab::fault::Fault;
use countersign_lab::image::Image;
use countersign_lab::{proxy, registry};
use countersign_registry::client::RegistryError;
use countersign_registry::transfer::TransferError;

use super::narrator::{Narrator, Show};
use super::person::Person;
use super::stage::Stage;
use super::story::{FIRST_EDITION, REPOSITORY, TAG, release, succeed};
use crate::exit::ExitStatus;
use crate::refusal::Refusal;

/// What is shown of a push or a pull that went well before.
const PUSHED: Show = Show::Only(&["Successfully signed"]);
const PULLED: Show = Show::Only(&["signed by", "Tagging"]);
/// What the network remembers of the second edition.
const SECOND_EDITION: &str = "1.1";

/// Shows each attack refused, for its own reason.
pub(super) async fn show(stage: &Stage, first: &Image, narrator: &Narrator) -> anyhow::Result<()> {
    let second = another_image(stage, narrator).await?;
    old_edition(stage, first, narrator).await?;
    frozen_edition(stage, &second, narrator).await?;
    unsigned_tag(stage, narrator).await?;
    other_software(stage, narrator).await
}

/// The registry serves an image of the attacker's under the tag and under the digest that was signed.
async fn another_image(stage: &Stage, narrator: &Narrator) -> anyhow::Result<Image> {
    let tag = stage.image(&format!("{REPOSITORY}:{TAG}"));
    narrator.heading("3", "A new version, and a registry that swaps it")?;
    narrator.say("The publisher releases 1.1 under the same tag.")?;
    narrator.pause()?;
    let (second, pushed) = release(stage, "1.1").await?;
    narrator.show(&pushed, PUSHED)?;
    narrator.pause()?;
    narrator.say(
        "Somebody who runs the registry serves an image of their own in its place, under the tag and \
         under the digest.",
    )?;
    narrator.contrast("takes it. A tag is whatever the registry says it is.")?;
    narrator.pause()?;
    let evil = Image::of_text("all your layers")?;
    stage.registry.put_image(REPOSITORY, TAG, &evil);
    let swapped = Fault::Instead(evil.manifest().bytes.clone());
    stage.registry.misbehave(registry::At::Manifest(second.digest().to_string()), swapped);
    let attack = Attack { person: &stage.user, image: &tag, still: "1.0" };
    attack
        .refused(narrator, |error| {
            matches!(
                error.downcast_ref::<EngineError>(),
                Some(EngineError::Transfer(TransferError::Registry(RegistryError::Digest { .. })))
            )
        })
        .await?;
    stage.registry.behave();

    narrator.pause()?;
    narrator.say(
        "From a registry that serves what was pushed, the tag gets its new meaning, even though the \
         registry's own tag was moved to the other image: nothing is ever fetched by tag.",
    )?;
    narrator.pause()?;
    narrator.show(&succeed(&stage.user, &["pull", &tag]).await?, PULLED)?;
    ensure!(stage.user.digest_of(&tag)? == Some(second.digest()), "the tag does not mean what was signed");
    narrator.good("stable is 1.1 on the user's machine")?;
    Ok(second)
}

/// Registry and network answer with what was true once.
async fn old_edition(stage: &Stage, first: &Image, narrator: &Narrator) -> anyhow::Result<()> {
    narrator.heading("4", "Rollback: yesterday's truth")?;
    narrator.say(
        "1.0 has a hole that 1.1 mends. Somebody in between serves 1.0 again: image, tag and trust data, \
         every signature on it valid.",
    )?;
    narrator.contrast("goes back to the old image without a word.")?;
    narrator.pause()?;
    stage.network.replay(FIRST_EDITION);
    stage.registry.tag(REPOSITORY, TAG, first.digest());
    let tag = stage.image(&format!("{REPOSITORY}:{TAG}"));
    let attack = Attack { person: &stage.user, image: &tag, still: "1.1" };
    attack.refused(narrator, |error| matches!(trust_error(error), Some(TrustError::Rollback { .. }))).await?;
    stage.network.forward();
    Ok(())
}

/// Registry and network answer with what is true no longer, for ever.
async fn frozen_edition(stage: &Stage, second: &Image, narrator: &Narrator) -> anyhow::Result<()> {
    narrator.heading("5", "Freeze: nothing ever changes")?;
    narrator.say(
        "The publisher mends another hole in 1.2. Somebody in between keeps the news from the user: every \
         answer is what it was before.",
    )?;
    narrator.contrast("says that the image is up to date, for ever.")?;
    narrator.pause()?;
    let gun = stage.gun(REPOSITORY)?;
    stage.network.remember(SECOND_EDITION, &gun).await?;
    let (third, _) = release(stage, "1.2").await?;
    stage.network.replay(SECOND_EDITION);
    stage.registry.tag(REPOSITORY, TAG, second.digest());
    let tag = stage.image(&format!("{REPOSITORY}:{TAG}"));
    succeed(&stage.user, &["pull", &tag]).await?;
    narrator.say(
        "Nobody can tell a quiet publisher from a silenced one at once. But the trust server signs the \
         time, again and again, and each of its timestamps is good for 14 days at most. 15 days later:",
    )?;
    narrator.pause()?;
    stage.let_days_pass(15).await?;
    let attack = Attack { person: &stage.user, image: &tag, still: "1.1" };
    attack.refused(narrator, |error| {
        matches!(trust_error(error), Some(TrustError::Expired { role, .. }) if *role == TopRole::Timestamp)
    })
    .await?;
    stage.network.forward();
    stage.registry.tag(REPOSITORY, TAG, third.digest());

    narrator.pause()?;
    narrator.say("Once the server is heard again, the user is where everybody else is.")?;
    narrator.pause()?;
    narrator.show(&succeed(&stage.user, &["pull", &tag]).await?, PULLED)?;
    ensure!(stage.user.digest_of(&tag)? == Some(third.digest()), "the tag does not mean what was signed");
    narrator.good("stable is 1.2 on the user's machine")
}

/// A tag that was pushed and never signed.
async fn unsigned_tag(stage: &Stage, narrator: &Narrator) -> anyhow::Result<()> {
    narrator.heading("6", "A tag that nobody signed")?;
    narrator.say(
        "Somebody with a stolen password for the registry pushes `app:hotfix`. They have no signing key.",
    )?;
    narrator.contrast("takes it. Whoever may push may publish.")?;
    narrator.pause()?;
    stage.registry.put_image(REPOSITORY, "hotfix", &Image::of_text("urgent, please install")?);
    let tag = stage.image(&format!("{REPOSITORY}:hotfix"));
    let attack = Attack { person: &stage.user, image: &tag, still: "nothing" };
    attack.refused(narrator, |error| matches!(error.downcast_ref(), Some(Refusal::Unsigned { .. }))).await
}

/// The trust data of another collection, properly signed by its own owner.
async fn other_software(stage: &Stage, narrator: &Narrator) -> anyhow::Result<()> {
    narrator.heading("7", "Somebody else's signature")?;
    narrator.say(
        "The attacker signs a repository of their own on the same trust server. A newcomer, who has never \
         met `app`, is shown that one under the name of `app`.",
    )?;
    narrator.contrast("never asks who signed what.")?;
    narrator.pause()?;
    let attacker = stage.attacker()?;
    let evil = Image::of_text("not app")?;
    let archive = attacker.path("evil.tar");
    evil.write_oci_archive(&archive, "1")?;
    let theirs = stage.image("attacker/app:stable");
    succeed(&attacker, &["load", &archive.display().to_string(), "--as", &theirs]).await?;
    succeed(&attacker, &["push", &theirs]).await?;
    succeed(&attacker, &["pull", &theirs]).await?;
    let metadata = format!(".docker/trust/tuf/{}/metadata", stage.gun("attacker/app")?);
    for role in TopRole::ALL {
        let file = attacker.path(&format!("{metadata}/{role}.json"));
        let bytes = std::fs::read(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
        stage.network.misbehave(proxy::At::Role(role.name().to_owned()), Fault::Instead(bytes.into()));
    }
    let newcomer = stage.newcomer()?;
    let tag = stage.image(&format!("{REPOSITORY}:{TAG}"));
    let attack = Attack { person: &newcomer, image: &tag, still: "nothing" };
    attack.refused(narrator, |error| matches!(trust_error(error), Some(TrustError::NoLeaf { .. }))).await?;
    stage.network.forward();
    Ok(())
}

/// A pull that must be refused.
struct Attack<'a> {
    person: &'a Person,
    image: &'a str,
    /// What the tag stands for on this person's machine, before and after.
    still: &'static str,
}

impl Attack<'_> {
    /// Pulls, and makes sure that it is refused for the reason that `is_expected` knows, and that nothing changed.
    async fn refused(
        &self,
        narrator: &Narrator,
        is_expected: impl Fn(&(dyn std::error::Error + 'static)) -> bool,
    ) -> anyhow::Result<()> {
        let before = self.person.digest_of(self.image)?;
        let told = self.person.run(&["pull", self.image]).await?;
        narrator.show(&told, Show::Only(&["error:", "caused by:", "hint:", "trust data"]))?;
        let Some(error) = &told.error else {
            narrator.bad("that was not refused")?;
            bail!("`countersign pull {}` was not refused", self.image);
        };
        ensure!(
            told.status == ExitStatus::Untrusted,
            "it ended with {} where 3 says that it is not trusted",
            told.status.code()
        );
        if !error.chain().any(is_expected) {
            narrator.bad("that was refused for another reason than it should be")?;
            bail!("`countersign pull {}` was refused for another reason: {error:#}", self.image);
        }
        let after = self.person.digest_of(self.image)?;
        ensure!(before == after, "`{}` changed its meaning, although the pull was refused", self.image);
        narrator.good(&format!("refused; {}", self.unchanged(after)))
    }

    fn unchanged(&self, digest: Option<Digest>) -> String {
        let (_, tag) = self.image.rsplit_once(':').unwrap_or_default();
        match digest {
            Some(digest) => format!("on this machine, {tag} is still {} ({digest})", self.still),
            None => format!("on this machine, {tag} is {}, as before", self.still),
        }
    }
}

/// What was checked and is not trusted.
fn trust_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a TrustError> {
    match error.downcast_ref()? {
        UpdateError::Untrusted(error) => Some(error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::sink;
    use std::sync::Arc;

    use super::*;
    use crate::output::Printer;

    #[tokio::test(flavor = "multi_thread")]
    async fn attack_that_succeeds_or_fails_for_another_reason_is_an_error() {
        let dir = tempfile::tempdir().expect("a directory");
        let stage = Stage::set(dir.path()).await.expect("a stage");
        let narrator = Narrator::new(Arc::new(Printer::new(Box::new(sink()), Box::new(sink()), false)));
        release(&stage, "1.0").await.expect("a release");
        let (tag, unsigned) = (stage.image("app:stable"), stage.image("app:unsigned"));

        let none = Attack { person: &stage.user, image: &tag, still: "nothing" };
        let error = none.refused(&narrator, |_| true).await.expect_err("nothing was refused");
        assert!(error.to_string().ends_with("was not refused"), "{error:#}");

        let other = Attack { person: &stage.user, image: &unsigned, still: "nothing" };
        let error = other.refused(&narrator, |error| trust_error(error).is_some()).await;
        let error = error.expect_err("the reason is another one");
        assert!(error.to_string().contains("was refused for another reason"), "{error:#}");
    }
}
