//! The images of an engine: what is here, pulled, tagged and pushed.
//!
//! Docker's daemon is asked itself, where that is certain to be what docker would do; it draws then what docker draws. All else
//! goes through the engine's own command line.

use std::sync::Arc;

use countersign_engine::{Engine as _, EngineError, Output, Pinned, Pushed};
use countersign_registry::descriptor::Platform;
use countersign_registry::reference::ImageReference;
use countersign_registry::transfer::Silent;

use super::line::Given;
use super::program::{EngineCliError, SentLine, Show, flag_word};
use super::{Job, daemon};
use crate::output::Stream;
use crate::{progress, variable};

/// Docker's platform where its `pull` is not given one.
const PLATFORM: &str = "DOCKER_DEFAULT_PLATFORM";

impl Job {
    /// The full id, `sha256:…`, of the image that `name` stands for here; `None` when it stands for none.
    pub(super) fn id(&self, name: &str) -> anyhow::Result<Option<String>> {
        match (self.daemon(), ImageReference::parse(name)) {
            (Some(daemon), Ok(image)) => {
                let found = self.block_on(daemon.resolve(&image))?;
                Ok(found.map(|found| found.id.to_string()))
            }
            _ => Ok(self.engine.id(name)?),
        }
    }

    /// The full id of the local image whose id begins with these digits; `word` is how its user wrote that.
    pub(super) fn whole_id(&self, word: &str, hex: &str) -> anyhow::Result<Option<String>> {
        if let Some(daemon) = self.daemon() {
            return Ok(self.block_on(daemon.image_id(hex))?.map(|id| id.to_string()));
        }
        let id = self.engine.id(word)?;
        // An image that has this as its name is another matter.
        Ok(id.filter(|id| id.strip_prefix("sha256:").is_some_and(|full| full.starts_with(hex))))
    }

    /// Pulls an image by its digest, with these flags of the engine's own `pull`.
    pub(super) fn pull(&self, pinned: &Pinned, flags: &[&Given], show: Show) -> anyhow::Result<()> {
        if let (Some(daemon), Some(platform)) = (self.daemon(), platform(flags)) {
            let output = self.output(show);
            match self.block_on(daemon.pull(pinned, platform.as_ref(), output)) {
                Err(error) if daemon::is_for_docker(&error) => {}
                pulled => return Ok(pulled.map(drop)?),
            }
        }
        let flags: Vec<_> = flags.iter().map(|flag| flag_word(&flag.name, flag.value.as_deref())).collect();
        Ok(self.engine.pull(pinned, &flags, show)?)
    }

    /// Lets a tag stand for an image that the engine has.
    pub(super) fn tag(&self, pinned: &Pinned, tagged: &ImageReference) -> anyhow::Result<()> {
        match self.daemon() {
            Some(daemon) => Ok(self.block_on(daemon.tag(pinned, tagged))?),
            None => Ok(self.engine.tag(pinned, tagged)?),
        }
    }

    /// Runs the command `words` that pushes `image`, with these of its flags, and returns what was sent.
    pub(super) fn push(
        &self,
        words: &[&str],
        flags: &[&Given],
        image: &ImageReference,
    ) -> anyhow::Result<Vec<SentLine>> {
        let all = flags.iter().all(|flag| flag.name == "all-tags");
        if let (["push"], true, Some(daemon)) = (words, all, self.daemon()) {
            let output = self.output(Show::Itself);
            let sent = match image.tag() {
                Some(_) => self.block_on(daemon.push(image, output)).map(|sent| vec![sent]),
                None => self.block_on(daemon.push_all(image, &*output)),
            };
            match sent {
                Ok(sent) => {
                    let line =
                        |sent: Pushed| SentLine { tag: sent.tag, digest: sent.digest, size: sent.length };
                    return Ok(sent.into_iter().map(line).collect());
                }
                Err(EngineError::NoSuchImage(image)) => {
                    let name = image.familiar_name();
                    let said = format!("An image does not exist locally with the tag: {name}");
                    return Err(EngineCliError::Said(said).into());
                }
                Err(error) if daemon::is_for_docker(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut args: Vec<_> =
            flags.iter().map(|flag| flag_word(&flag.name, flag.value.as_deref())).collect();
        args.push(image.familiar().into());
        Ok(self.engine.push(words, &args)?)
    }

    /// Where the daemon's words go.
    fn output(&self, show: Show) -> Arc<dyn Output> {
        match show {
            Show::Itself => progress::shown_on(self.printer(), Stream::Data),
            Show::Stderr => progress::shown_on(self.printer(), Stream::Talk),
            Show::Nothing => Arc::new(Silent),
        }
    }
}

/// The platform that a daemon is to be told, if it is told nothing else. `None` is a pull that docker has to understand.
#[expect(clippy::option_option, reason = "no platform is one of the answers")]
fn platform(flags: &[&Given]) -> Option<Option<Platform>> {
    let is_known = |flag: &&&Given| matches!(flag.name.as_str(), "platform" | "quiet");
    if !flags.iter().all(|flag| is_known(&flag)) {
        return None;
    }
    let flag = flags.iter().rev().find(|flag| flag.name == "platform");
    let text = match flag {
        Some(flag) => flag.text()?.to_owned(),
        None => variable(PLATFORM).unwrap_or_default().into_string().ok()?,
    };
    if text.is_empty() {
        return Some(None);
    }
    let platform: Platform = text.parse().ok()?;
    // Docker hands on what it was given, so it has to be that.
    (platform.to_string() == text).then_some(Some(platform))
}
