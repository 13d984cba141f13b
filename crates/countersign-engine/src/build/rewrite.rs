//! The Dockerfile with every image by its digest, looked over once more.

use std::collections::BTreeMap;

use countersign_core::digest::Digest;
use countersign_registry::reference::ImageReference;

use super::dockerfile::Dockerfile;
use super::error::{BuildRefusal, DockerfileProblem, Reason};
use super::inputs::Builder;
use super::plan::{BuildPlan, ImageUse, pinned_text, plan};

impl BuildPlan {
    /// The Dockerfile with each reference replaced by `name@digest`; everything else stays as it is, byte for byte.
    ///
    /// `pins` holds the trusted digest of each of [`BuildPlan::unresolved`].
    ///
    /// # Errors
    /// - [`Reason::Unresolved`]: `pins` lacks a reference.
    /// - [`Reason::Disagrees`]: a reference with tag and digest, and the tag stands for something else.
    /// - [`Reason::StillOpen`]: the result was read again, and an image in it is not pinned.
    pub fn rewrite(&self, pins: &BTreeMap<ImageReference, Digest>) -> Result<Vec<u8>, BuildRefusal> {
        let source = self.dockerfile.source();
        let mut places: Vec<_> = self.uses.iter().filter_map(ImageUse::line_and_span).collect();
        places.sort_by_key(|(_, span, _)| span.start);
        let (mut text, mut written) = (String::with_capacity(source.len()), 0);
        for (line, span, found) in places {
            let refuse = |reason| BuildRefusal::at(line, &found.reference.familiar(), reason);
            let pinned = pinned_text(&found.reference, pins, self.inputs.builder).map_err(refuse)?;
            let between = source.get(written..span.start).ok_or_else(|| refuse(Reason::StillOpen))?;
            text.push_str(between);
            text.push_str(if found.is_pinned() { &source[span.clone()] } else { &pinned });
            written = span.end;
        }
        text.push_str(&source[written..]);
        self.verify(&text)?;
        Ok(text.into_bytes())
    }

    /// Reads the result as builders do; every image in it must be named by its digest alone.
    fn verify(&self, text: &str) -> Result<(), BuildRefusal> {
        let result = Dockerfile::parse(text.as_bytes())?;
        let again = plan(&result, &self.inputs)?;
        let (before, after) = (self.dockerfile.instructions(), result.instructions());
        let same_shape = before.len() == after.len()
            && before.iter().zip(after).all(|(before, after)| before.keyword == after.keyword)
            && self.uses.len() == again.uses.len();
        let open = again.uses.iter().find(|found| !found.is_pinned());
        if let Some(open) = open {
            return Err(still_open(open));
        }
        if !same_shape {
            return Err(BuildRefusal::at(1, "", Reason::StillOpen));
        }
        self.verify_other_reading(&result)
    }

    /// Reads the result with the other escape character, if some builder does.
    fn verify_other_reading(&self, result: &Dockerfile) -> Result<(), BuildRefusal> {
        let other = match result.other_reading() {
            None => return Ok(()),
            Some(Ok(other)) => other,
            // Docker's builders read the whole file before they begin; podman begins with what it understands.
            Some(Err(error)) => {
                let stops = matches!(&error.problem, DockerfileProblem::Instruction(word) if word.is_ascii());
                return if stops && self.inputs.builder != Builder::Podman {
                    Ok(())
                } else {
                    Err(disputed(error.line))
                };
            }
        };
        let uses = plan(&other, &self.inputs).map_err(|_| disputed(1))?.uses;
        match uses.iter().find(|found| !found.is_pinned()) {
            Some(open) => Err(still_open(open)),
            None => Ok(()),
        }
    }
}

fn still_open(open: &ImageUse) -> BuildRefusal {
    let line = open.line_and_span().map_or(1, |(line, ..)| line);
    BuildRefusal::at(line, &open.reference.familiar(), Reason::StillOpen)
}

fn disputed(line: usize) -> BuildRefusal {
    let reason =
        Reason::Ambiguous("builders do not agree on the escape character; put `# escape=` on the first line");
    BuildRefusal::at(line, "", reason)
}
