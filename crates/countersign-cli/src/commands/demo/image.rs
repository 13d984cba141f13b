//! The images of the story: real files of this machine, in layers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use countersign_lab::image::{File, Image};

/// Largest file that is put into an image, in bytes: this program, unless it was built for a debugger, which makes it large, and
/// hashing and packing slow.
const FILE_BYTES: u64 = if cfg!(debug_assertions) { 16 << 20 } else { 128 << 20 };
/// What stands in for this program where it is too large: some of these are on every machine.
const STAND_INS: [&str; 4] = ["/bin/busybox", "/bin/bash", "/usr/bin/env", "/bin/sh"];

/// The file that the lowest layer holds.
pub(super) fn real_file() -> io::Result<PathBuf> {
    let candidates = std::env::current_exe().into_iter().chain(STAND_INS.map(PathBuf::from));
    let is_fit =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= FILE_BYTES);
    candidates.into_iter().find(is_fit).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// An image with `file` in its lower layer, and what `text` says in the upper one.
pub(super) fn image(file: &Path, text: &str) -> io::Result<Image> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let program = File::new(format!("usr/bin/{name}"), fs::read(file)?).executable();
    Image::builder().layer([program]).layer([File::new("etc/app-release", format!("{text}\n"))]).build()
}
