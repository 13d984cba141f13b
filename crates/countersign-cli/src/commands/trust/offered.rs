//! What a registry has under a tag: shown to a person who is asked whether it may be signed.

use std::fmt::Write as _;
use std::io;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_registry::client::Repository;
use countersign_registry::descriptor::{Descriptor, Platform};
use countersign_registry::manifest::{Content, ImageManifest, Manifest};
use countersign_registry::reference::{DEFAULT_TAG, ImageReference};
use countersign_registry::transfer::BlobWriter;
use serde::Deserialize;

use crate::app::App;
use crate::commands::repo::shown;

/// Largest image configuration that is looked into, in bytes.
const CONFIG_BYTES: u64 = 4 << 20;
/// Most platforms that are listed.
const PLATFORMS: usize = 64;

/// What a registry has under a name.
pub(super) struct Offered {
    pub(super) manifest: Manifest,
    /// What it runs on, in words; empty where it does not say.
    platforms: Vec<String>,
    /// When it was built, as it says itself.
    created: Option<String>,
}

/// Fetches what `image` means in its registry, by its digest if it has one. Nobody vouches for that.
pub(super) async fn resolve(image: &ImageReference, app: &App) -> anyhow::Result<Offered> {
    let repository = app.registry(image.domain())?.repository(image.path());
    let manifest = match (image.digest(), image.tag()) {
        (Some(digest), _) => repository.manifest(digest).await,
        (None, tag) => repository.manifest_by_untrusted_tag(tag.unwrap_or(DEFAULT_TAG)).await,
    };
    let manifest =
        manifest.with_context(|| format!("cannot look at `{}`; nothing was signed", image.familiar()))?;
    let (platforms, created) = match manifest.content() {
        Content::Index(index) => (index.manifests.iter().filter_map(of_entry).collect(), None),
        Content::Image(image) => of_image(image, &repository).await,
    };
    Ok(Offered { manifest, platforms, created })
}

/// The lines that a person decides by.
pub(super) fn description(typed: &str, found: &Offered, before: Option<Digest>) -> String {
    let Offered { manifest, platforms, created } = found;
    let digest = manifest.digest();
    let mut text = format!("{typed} is in its registry:\n  digest     {digest}\n");
    let _ = writeln!(text, "  size       {} bytes, {}", manifest.bytes().len(), manifest.media_type());
    let listed = platforms.iter().take(PLATFORMS).map(|name| shown(name)).collect::<Vec<_>>().join(", ");
    let more = platforms.len().saturating_sub(PLATFORMS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let listed = if listed.is_empty() { "it does not say" } else { &listed };
    let _ = writeln!(text, "  platforms  {listed}{more}");
    if let Some(created) = created {
        let _ = writeln!(text, "  built      {}, as it says", shown(created));
    }
    let _ = match before {
        None => write!(text, "  signed as  nothing so far"),
        Some(before) if before == digest => write!(text, "  signed as  the same"),
        Some(before) => write!(text, "  signed as  {before} so far"),
    };
    text
}

/// The platform of an index's entry; attestations and the like have none.
fn of_entry(entry: &Descriptor) -> Option<String> {
    let platform = entry.platform.as_ref()?;
    (platform.os != "unknown").then(|| platform.to_string())
}

async fn of_image(image: &ImageManifest, repository: &Repository) -> (Vec<String>, Option<String>) {
    let config = &image.config;
    if config.size > CONFIG_BYTES {
        return (Vec::new(), None);
    }
    let mut read = Read(Vec::new());
    if repository.fetch_blob(config, &mut read, &|_| {}).await.is_err() {
        return (Vec::new(), None);
    }
    let config: Config = serde_json::from_slice(&read.0).unwrap_or_default();
    let platform = match (config.os, config.architecture) {
        (Some(os), Some(architecture)) => {
            vec![Platform::new(&os, &architecture, config.variant.as_deref()).to_string()]
        }
        _ => Vec::new(),
    };
    (platform, config.created)
}

/// What is read of an image's configuration.
#[derive(Default, Deserialize)]
struct Config {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    created: Option<String>,
}

/// A blob in memory; the client stops at the size that was announced.
struct Read(Vec<u8>);

#[async_trait]
impl BlobWriter for Read {
    async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        self.0.extend_from_slice(&piece);
        Ok(())
    }

    async fn commit(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
