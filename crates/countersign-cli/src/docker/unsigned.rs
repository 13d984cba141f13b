//! A push without trust to a repository that is signed: the tag then means one image to those who check, and another to those
//! who don't.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::line::Line;
use super::reference;
use crate::output::Printer;
use crate::variable;

/// Says so, if trust data of the repository is cached here. Nobody is asked, and nothing is read but whether it is there.
pub(super) fn warn(args: &[OsString], line: &Line, config: Option<OsString>) {
    let Some(image) = line.words.first().and_then(|at| reference(args[*at].to_str()?).ok()) else { return };
    let config =
        config.or_else(|| variable("DOCKER_CONFIG").filter(|dir| !dir.is_empty())).map(PathBuf::from);
    let Some(config) = config.or_else(|| Some(Path::new(&variable("HOME")?).join(".docker"))) else { return };
    let cached = config.join("trust/tuf").join(image.name()).join("metadata/root.json");
    if cached.exists() {
        Printer::of_process(false).warn(format_args!(
            "`{}` is signed and this push is not: whoever checks trust still gets the image that was signed",
            image.familiar_name()
        ));
    }
}
