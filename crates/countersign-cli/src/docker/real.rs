//! The real program behind the shim: found each time anew, and become without a trace.
//!
//! `PATH` is searched as a shell does, and every file that is this program is passed over: the same file by whatever name or
//! link, or a copy that this process has been before. A variable tells those that come after which wrappers and copies have had
//! their turn, so that a script named `docker` that calls `docker` finds the next one, and nobody calls themselves.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thiserror::Error;

/// Wrappers and copies of this program that have had their turn, as `device:inode`, with a space between them.
pub(crate) const GUARD: &str = "COUNTERSIGN_SHIM";
/// Docker's switch. It is off for what we hand over once trust was enforced, so that nobody checks a second time.
pub(crate) const SWITCH: &str = "DOCKER_CONTENT_TRUST";
/// How often a wrapper may be called by what it has started, before it counts as going in a circle.
const TURNS: usize = 3;
/// As much of a script as is looked at, in bytes.
const SCRIPT_BYTES: u64 = 4096;
/// Where programs are without a `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program that is not this one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Real {
    path: PathBuf,
    guard: String,
}

/// There is no such program but ours.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("no `{name}` other than countersign's is in PATH; nothing was done")]
pub(crate) struct NotFound {
    /// The name that was looked for.
    pub(crate) name: String,
}

impl Real {
    /// Finds the program called `name`.
    pub(crate) fn find(name: &str) -> Result<Self, NotFound> {
        let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
        let guard = std::env::var_os(GUARD).unwrap_or_default();
        Self::find_in(name, &path, &guard.to_string_lossy(), own_identity().as_deref())
    }

    fn find_in(name: &str, path: &OsStr, guard: &str, own: Option<&str>) -> Result<Self, NotFound> {
        let mut done: Vec<&str> = guard.split_ascii_whitespace().collect();
        done.extend(own.filter(|own| !done.contains(own)));
        let count = |identity: &str| done.iter().filter(|other| **other == identity).count();
        // Where all have had their turn, a wrapper may be what there is, called again by what it has started.
        let found = candidates(name, path).find(|(_, identity)| count(identity) == 0).or_else(|| {
            let is_left = |identity: &str| Some(identity) != own && count(identity) < TURNS;
            candidates(name, path).find(|(file, identity)| is_left(identity) && is_script(file))
        });
        let (file, identity) = found.ok_or_else(|| NotFound { name: name.to_owned() })?;
        if is_script(&file) {
            done.push(&identity);
        }
        let guard = done.join(" ");
        Ok(Self { path: file, guard })
    }

    /// The program at `path`, whatever it is.
    #[cfg(test)]
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path, guard: String::new() }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The program, to be run with content trust off.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.env(GUARD, &self.guard).env_remove(SWITCH);
        command
    }

    /// Whether it is podman under another name: a link to it, or the script of the package `podman-docker`.
    pub(crate) fn is_podman(&self) -> bool {
        let target = self.path.canonicalize().unwrap_or_default();
        if target.file_name().is_some_and(|name| name.to_string_lossy().starts_with("podman")) {
            return true;
        }
        let mut start = Vec::new();
        let read = File::open(&self.path).and_then(|file| file.take(SCRIPT_BYTES).read_to_end(&mut start));
        read.is_ok() && start.starts_with(b"#!") && start.windows(6).any(|word| word == b"podman")
    }

    /// Whether it is docker and nothing before it: no script, and no link to a program that is called otherwise.
    pub(crate) fn is_docker_itself(&self) -> bool {
        let target = self.path.canonicalize().unwrap_or_default();
        target.file_name().is_some_and(|name| name == "docker") && !is_script(&target)
    }

    /// What the program says of its version: `Docker version 28.2.2, build e6534b4`.
    pub(crate) fn version(&self) -> Option<String> {
        let output =
            self.command().arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        text.lines().next().map(str::to_owned)
    }

    /// The first number of its version.
    pub(crate) fn major_version(&self) -> Option<u32> {
        let text = self.version()?;
        let number = text.split(' ').find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()))?;
        number.split('.').next()?.parse().ok()
    }

    /// Becomes the program, with the same environment. Returns only if that can't be.
    pub(crate) fn become_it(&self, name: &OsStr, args: &[OsString]) -> io::Error {
        Command::new(&self.path).arg0(name).args(args).env(GUARD, &self.guard).exec()
    }

    /// Becomes the program with content trust off, because it was enforced here. Returns only if that can't be.
    pub(crate) fn become_it_untrusting(&self, name: &OsStr, args: &[OsString]) -> io::Error {
        self.command().arg0(name).args(args).exec()
    }
}

/// The programs of this name in a `PATH`, with what tells them apart.
fn candidates(name: &str, path: &OsStr) -> impl Iterator<Item = (PathBuf, String)> {
    std::env::split_paths(path).filter_map(move |dir| {
        // An empty entry is the working directory.
        let file = if dir.as_os_str().is_empty() { Path::new(".").join(name) } else { dir.join(name) };
        let metadata = file.metadata().ok().filter(is_program)?;
        Some((file, identity(&metadata)))
    })
}

/// Whether `file` is this very program, by whatever name.
pub(crate) fn is_ours(file: &Path) -> bool {
    let same = |metadata: Metadata| Some(identity(&metadata)) == own_identity();
    file.metadata().is_ok_and(same)
}

/// Every program of this name in `PATH`, in the order of the shell.
pub(crate) fn all(name: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let files = std::env::split_paths(&path).map(|dir| dir.join(name));
    files.filter(|file| file.metadata().is_ok_and(|metadata| is_program(&metadata))).collect()
}

/// This program's file, even if it was replaced meanwhile.
fn own_identity() -> Option<String> {
    let own = Path::new("/proc/self/exe").metadata();
    let own = own.or_else(|_| std::env::current_exe().and_then(|file| file.metadata()));
    own.ok().map(|metadata| identity(&metadata))
}

fn identity(metadata: &Metadata) -> String {
    format!("{}:{}", metadata.dev(), metadata.ino())
}

fn is_program(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
}

/// Whether a program is a text that another one runs, so that it may be a wrapper.
fn is_script(file: &Path) -> bool {
    let mut start = [0; 2];
    File::open(file).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"#!"
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn place(dirs: &[&str]) -> (TempDir, OsString) {
        let home = tempfile::tempdir().expect("a directory");
        let dirs: Vec<_> = dirs.iter().map(|dir| home.path().join(dir)).collect();
        for dir in &dirs {
            fs::create_dir_all(dir).expect("a directory");
        }
        let path = std::env::join_paths(&dirs).expect("a PATH");
        (home, path)
    }

    fn program(file: &Path, content: &str) -> String {
        fs::write(file, content).expect("a file");
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).expect("a program");
        identity(&file.metadata().expect("it is there"))
    }

    #[test]
    fn first_program_that_is_not_ours_is_the_real_one() {
        let (home, path) = place(&["a", "b", "c", "d"]);
        let own = program(&home.path().join("countersign"), "ours");
        symlink("../countersign", home.path().join("a/docker")).expect("a link");
        fs::create_dir(home.path().join("b/docker")).expect("a directory is no program");
        fs::write(home.path().join("c/docker"), "not executable").expect("a file");
        program(&home.path().join("d/docker"), "\x7fELF");
        let real = Real::find_in("docker", &path, "", Some(&own)).expect("there is one");
        assert_eq!(real.path(), home.path().join("d/docker"));
        assert_eq!(real.guard, own);
    }

    #[test]
    fn without_another_program_nothing_is_found() {
        let (home, path) = place(&["a"]);
        let own = program(&home.path().join("a/docker"), "ours");
        let found = Real::find_in("docker", &path, "", Some(&own));
        assert_eq!(found, Err(NotFound { name: "docker".to_owned() }));
    }

    #[test]
    fn script_and_copy_have_one_turn_each() {
        let (home, path) = place(&["a", "b", "c"]);
        let copy = program(&home.path().join("a/docker"), "a copy");
        let script = program(&home.path().join("b/docker"), "#!/bin/sh\nexec docker \"$@\"\n");
        let real = program(&home.path().join("c/docker"), "\x7fELF");
        let first = Real::find_in("docker", &path, "1:1", Some(&copy)).expect("the script");
        assert_eq!(first.guard, format!("1:1 {copy} {script}"));
        let second = Real::find_in("docker", &path, &first.guard, Some("9:9")).expect("the real one");
        assert_eq!(second.path(), home.path().join("c/docker"));
        assert!(!second.guard.contains(&real), "the real one may be called again by those that it starts");
    }

    #[test]
    fn wrapper_that_is_all_there_is_ends_its_circle() {
        let (home, path) = place(&["a"]);
        let script = program(&home.path().join("a/docker"), "#!/bin/sh\nexec podman \"$@\"\n");
        let mut guard = String::new();
        for turn in 1..=TURNS {
            let found = Real::find_in("docker", &path, &guard, Some("9:9")).expect("the script");
            guard = found.guard;
            assert_eq!(guard.split(' ').filter(|entry| *entry == script).count(), turn);
        }
        assert!(Real::find_in("docker", &path, &guard, Some("9:9")).is_err());
    }
}
