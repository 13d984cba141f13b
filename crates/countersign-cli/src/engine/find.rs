//! Programs, as `PATH` finds them, this one left out.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

/// The first executable of this name that is not this program under another name.
pub(super) fn program(name: &str, path: Option<OsString>) -> Option<PathBuf> {
    let this = std::env::current_exe().and_then(std::fs::metadata).ok();
    let is_this = |found: &Metadata| {
        this.as_ref().is_some_and(|this| (this.dev(), this.ino()) == (found.dev(), found.ino()))
    };
    let is_usable = |candidate: &PathBuf| {
        let found = std::fs::metadata(candidate);
        found
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0 && !is_this(&found))
    };
    let path = path?;
    let dirs = std::env::split_paths(&path).filter(|dir| dir.is_absolute());
    dirs.map(|dir| dir.join(name)).find(is_usable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_this_program_and_what_cannot_be_run_are_passed_over() {
        let dir = tempfile::tempdir().expect("a directory");
        let dirs = ["shim", "data", "real"].map(|name| dir.path().join(name));
        for dir in &dirs {
            std::fs::create_dir(dir).expect("a directory");
        }
        let this = std::env::current_exe().expect("a program");
        std::os::unix::fs::symlink(this, dirs[0].join("podman")).expect("a link");
        std::fs::write(dirs[1].join("podman"), "text").expect("a file");
        std::fs::write(dirs[2].join("podman"), "#!/bin/sh\n").expect("a file");
        let path = std::env::join_paths(&dirs).expect("a path");
        assert_eq!(program("podman", Some(path.clone())), None);
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dirs[2].join("podman"), mode).expect("a mode");
        assert_eq!(program("podman", Some(path)), Some(dirs[2].join("podman")));
        assert_eq!(program("podman", None), None);
    }
}
