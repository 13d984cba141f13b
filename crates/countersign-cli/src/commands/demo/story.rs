//! What trust does: a publisher signs what a tag means, and a user gets exactly that.

use std::io;

use anyhow::{Context as _, ensure};
use countersign_core::digest::Digest;
use countersign_lab::image::Image;
use tokio::task::spawn_blocking;

use super::image;
use super::narrator::{Narrator, Show};
use super::person::{Person, Told};
use super::stage::Stage;
use crate::exit::ExitStatus;

/// The tag of the story.
pub(super) const TAG: &str = "stable";
/// The repository of the story.
pub(super) const REPOSITORY: &str = "app";
/// What the network remembers of the first edition.
pub(super) const FIRST_EDITION: &str = "1.0";

/// Publishes the first version, pulls, and compares.
pub(super) async fn tell(stage: &Stage, narrator: &Narrator) -> anyhow::Result<Image> {
    let file = image::real_file().context("there is no file that could be put into an image")?;
    narrator.title("What a signed tag means, and what becomes of attacks on it")?;
    narrator.pause()?;
    narrator.say(
        "A publisher, a user, a registry and a trust server meet on this machine, for this demo only.",
    )?;
    narrator.say("Every command below is real, and runs in this process. Long digests are cut.")?;

    narrator.heading("1", "Publish")?;
    narrator.say(&format!("The publisher built version 1.0, an image that holds `{}`.", file.display()))?;
    narrator.say("The first push makes keys, and signs what the tag `stable` means from now on.")?;
    narrator.pause()?;
    let (first, pushed) = release(stage, "1.0").await?;
    narrator.show(&pushed, Show::All)?;

    narrator.heading("2", "Pull")?;
    narrator.say(
        "Somebody else asks what `stable` means, checks every signature, and pulls that image by its \
         digest.",
    )?;
    narrator.pause()?;
    let tag = stage.image(&format!("{REPOSITORY}:{TAG}"));
    narrator.show(&succeed(&stage.user, &["pull", &tag]).await?, Show::All)?;
    narrator.good(&identical(stage, &first).await?)?;
    narrator.pause()?;
    narrator.say("Why is that image trusted? The whole chain:")?;
    narrator.pause()?;
    narrator.show(&succeed(&stage.user, &["why", &tag]).await?, Show::All)?;
    stage.network.remember(FIRST_EDITION, &stage.gun(REPOSITORY)?).await?;
    Ok(first)
}

/// Says where to go from here.
pub(super) fn end(narrator: &Narrator) -> anyhow::Result<()> {
    narrator.pause()?;
    narrator.good("Every attack was refused, each for the right reason. Nothing is left of this demo.")?;
    narrator.heading("", "Where to go next")?;
    for (command, does) in [
        ("countersign server", "a trust server of your own; it needs no configuration"),
        ("countersign push REF", "push an image, and sign what its tag means"),
        ("countersign pull REF", "pull what was signed, and nothing else"),
        ("countersign why REF", "the chain behind a verdict, or the first link that fails"),
        ("countersign doctor", "what is wrong on this machine, and what to do about it"),
        ("countersign help", "everything else; README.md and SECURITY.md say more"),
    ] {
        narrator.say(&format!("{command:<22}{does}"))?;
    }
    Ok(())
}

/// Builds a version of the publisher's image, loads it, and pushes it.
pub(super) async fn release(stage: &Stage, version: &'static str) -> anyhow::Result<(Image, Told)> {
    let publisher = &stage.publisher;
    let archive = publisher.path(&format!("app-{version}.tar"));
    let path = archive.clone();
    let build = move || {
        let image = image::image(&image::real_file()?, version)?;
        image.write_oci_archive(&path, version)?;
        Ok::<_, io::Error>(image)
    };
    let image = spawn_blocking(build).await?.context("no image can be made")?;
    let tag = stage.image(&format!("{REPOSITORY}:{TAG}"));
    succeed(publisher, &["load", &archive.display().to_string(), "--as", &tag]).await?;
    ensure!(publisher.digest_of(&tag)? == Some(image.digest()), "another image was loaded than was built");
    Ok((image, succeed(publisher, &["push", &tag]).await?))
}

/// Runs a command that must succeed.
pub(super) async fn succeed(person: &Person, words: &[&str]) -> anyhow::Result<Told> {
    let mut told = person.run(words).await?;
    let line = words.join(" ");
    if let Some(error) = told.error.take() {
        return Err(error.context(format!("`countersign {line}` failed")));
    }
    ensure!(told.status == ExitStatus::Success, "`countersign {line}` did not succeed");
    Ok(told)
}

/// Compares every byte of what the user has with what the publisher built.
async fn identical(stage: &Stage, image: &Image) -> anyhow::Result<String> {
    let tag = stage.image(&format!("{REPOSITORY}:{TAG}"));
    ensure!(
        stage.user.digest_of(&tag)? == Some(image.digest()),
        "the tag means something else than was pulled"
    );
    let store = stage.user.store()?;
    let contents: Vec<(Digest, bytes::Bytes)> =
        image.contents().into_iter().map(|content| (content.digest, content.bytes.clone())).collect();
    let compare = move || {
        let mut compared = 0;
        for (digest, bytes) in contents {
            let there = store.blob(&digest)?.into_bytes(bytes.len() as u64)?;
            ensure!(there == bytes, "{digest} differs from what was built");
            compared += bytes.len();
        }
        Ok(compared)
    };
    let compared = spawn_blocking(compare).await??;
    Ok(format!("byte-identical to what was built: manifest, configuration and layers, {compared} bytes"))
}
