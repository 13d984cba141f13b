//! What goes to the engine instead of what was given. The user's own files stay as they are.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Seek, Write};
use std::path::Path;

use countersign_core::digest::Digest;
use countersign_registry::reference::ImageReference;
use tempfile::TempDir;

use super::context::{ContextError, Form};
use super::inputs::Builder;
use super::plan::{UseKind, pinned_text};
use super::prepare::{Build, BuildError};
use super::source_policy::{SOURCE_POLICY_VARIABLE, source_policy};
use crate::pinned::Pinned;

/// Files beside a Dockerfile that builders look for by its name.
const COMPANIONS: [&str; 3] = [".dockerignore", ".containerignore", ".rego"];

/// A build whose images are pinned, ready for the engine's own command.
///
/// The caller leaves out of the command line what [`BuildFlags`](super::BuildFlags) took from it (of the build arguments
/// only `BUILDKIT_SYNTAX`; `--platform` stays), and puts [`Prepared::args`] there. The files that they name are gone when
/// this is dropped.
#[derive(Debug)]
pub struct Prepared {
    /// Flags with their values.
    pub args: Vec<OsString>,
    /// The build context, as it was given.
    pub context: String,
    /// What the engine's command reads from standard input; `None` when it reads nothing.
    pub stdin: Option<File>,
    /// Variables for the engine's command.
    pub environment: Vec<(&'static str, OsString)>,
    /// The images that stages begin with and that were not written as digests, in the order of the Dockerfile, and what
    /// they are. Docker tags them after the build.
    pub bases: Vec<(ImageReference, Pinned)>,
    directory: TempDir,
}

impl Prepared {
    /// The directory of the files that the arguments name.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Build {
    /// Writes the build again, every image by its digest.
    ///
    /// # Errors
    /// A reference is not in `pins`, a temporary file can't be written, or the result does not read back as pinned.
    pub fn write(&self, pins: &BTreeMap<ImageReference, Digest>) -> Result<Prepared, BuildError> {
        let builder = self.flags.builder;
        let pin = |reference: &ImageReference| pinned_text(reference, pins, builder);
        let dockerfile = self.plan.rewrite(pins)?;
        let directory = tempfile::Builder::new().prefix("countersign-build-").tempdir();
        let directory = directory.map_err(ContextError::write("a temporary directory"))?;
        let mut args: Vec<OsString> = Vec::new();
        let mut add = |flag: &str, value: &OsStr| args.extend([flag.into(), value.to_owned()]);
        let stdin = self.write_dockerfile(&dockerfile, directory.path(), &mut add)?;
        for value in self.plan.inputs.contexts.write(&pin)? {
            add("--build-context", value.as_ref());
        }
        for image in &self.flag_images {
            let flag = image.flag.split(' ').next().unwrap_or(image.flag);
            add(flag, image.write(&pin)?.as_ref());
        }
        let mut environment = Vec::new();
        if builder == Builder::BuildKit {
            let path = directory.path().join("source-policy.json");
            fs::write(&path, self.policy(pins)).map_err(ContextError::write("a temporary file"))?;
            environment.push((SOURCE_POLICY_VARIABLE, path.into_os_string()));
        }
        let bases = self.bases_to_tag(pins);
        Ok(Prepared { args, context: self.flags.context.clone(), stdin, environment, bases, directory })
    }

    /// Hands the Dockerfile over in the form in which it came, and says what standard input holds.
    fn write_dockerfile(
        &self,
        dockerfile: &[u8],
        directory: &Path,
        add: &mut impl FnMut(&str, &OsStr),
    ) -> Result<Option<File>, ContextError> {
        let failed = || ContextError::write("a temporary file");
        let original = match &self.source.form {
            Form::File(path) => Some(path.as_path()),
            Form::Stdin => None,
            Form::Alone => {
                let mut file = tempfile::tempfile().map_err(failed())?;
                file.write_all(dockerfile).and_then(|()| file.rewind()).map_err(failed())?;
                return Ok(Some(file));
            }
            Form::Entry(archive) => {
                if let Some(file) = &self.flags.file {
                    add("--file", file.as_ref());
                }
                return archive.with_dockerfile(dockerfile).map(Some);
            }
        };
        // A directory of its own: the names beside it are looked for too.
        let beside = directory.join("dockerfile");
        fs::create_dir(&beside).map_err(failed())?;
        let name = original.and_then(Path::file_name).unwrap_or(OsStr::new("Dockerfile"));
        let path = beside.join(name);
        fs::write(&path, dockerfile).map_err(failed())?;
        for companion in COMPANIONS {
            let named = |path: &Path| {
                let mut name = path.as_os_str().to_owned();
                name.push(companion);
                name
            };
            if let Some(from) = original.map(named).filter(|from| Path::new(from).is_file()) {
                let what = Path::new(&from).display().to_string();
                fs::copy(&from, named(&path)).map_err(ContextError::read(what))?;
            }
        }
        add("--file", path.as_os_str());
        Ok(None)
    }

    fn policy(&self, pins: &BTreeMap<ImageReference, Digest>) -> Vec<u8> {
        let images: Vec<Pinned> = self
            .uses()
            .iter()
            .filter_map(|image| {
                let digest = image.reference.digest().or_else(|| pins.get(&image.reference)).copied()?;
                Some(Pinned::new(&image.reference, digest))
            })
            .collect();
        source_policy(&images, self.plan.inputs.contexts.has_layout())
    }

    fn bases_to_tag(&self, pins: &BTreeMap<ImageReference, Digest>) -> Vec<(ImageReference, Pinned)> {
        let mut bases: Vec<(ImageReference, Pinned)> = Vec::new();
        for image in self.plan.uses().iter().filter(|image| image.kind == UseKind::From && !image.is_pinned())
        {
            let known = bases.iter().any(|(reference, _)| *reference == image.reference);
            if let Some(digest) = pins.get(&image.reference).filter(|_| !known) {
                bases.push((image.reference.clone(), Pinned::new(&image.reference, *digest)));
            }
        }
        bases
    }
}
