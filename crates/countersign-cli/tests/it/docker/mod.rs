//! The program as `docker` and `podman`, before a real one that writes down what it was told.

mod build;
mod create;
mod daemon;
mod inspect;
mod plugin;
pub(crate) mod publish;
mod pull;
mod refused;
mod replayed;
mod required;
mod shim;
mod tables;
mod terminal;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use countersign_testkit::command::{Invocation, Output};

use crate::world::World;

/// A `docker` or `podman` that keeps images as lines `NAME ID` in a file, and writes each of its command lines, its
/// environment and its input to files.
const FAKE: &str = r#"#!/bin/sh
here="${0%/*}"
count=$(ls "$here" | grep -c '^call')
call="$here/call$(printf %03d "$count")"
printf '%s\0' "$@" > "$call"
env -0 > "$here/environment"
known() { grep -F -x -e "$1 $2" -e "$1" "$here/images" > /dev/null 2>&1; }
id_of() { while read -r name id; do [ "$name" = "$1" ] && printf '%s\n' "$id" && return 0; done < "$here/images"; return 1; }
while :; do
    case "$1" in
        --config|--context|--log-level|-H) shift 2 ;;
        -D) shift ;;
        *) break ;;
    esac
done
last() { for word in "$@"; do :; done; printf '%s' "$word"; }
case "$1" in
    --version) cat "$here/version" ;;
    image)
        id_of "$5" || { echo "Error response from daemon: No such image: $5" >&2; exit 1; } ;;
    pull)
        name=$(last "$@")
        if [ -f "$here/pull-hangs" ]; then echo "Pulling from somewhere"; sleep 100; fi
        if [ -f "$here/pull-fails" ]; then echo "Error response from daemon: $(cat "$here/pull-fails")" >&2; exit 1; fi
        printf '%s %s\n' "$name" "sha256:$(printf %s "$name" | sha256sum | cut -d' ' -f1)" >> "$here/images"
        echo "$name: Pulling from somewhere"
        echo "Status: Downloaded newer image for $name"
        echo "$name" ;;
    tag)
        id=$(id_of "$2") || { echo "Error response from daemon: No such image: $2" >&2; exit 1; }
        grep -v "^$3 " "$here/images" > "$here/images.new"
        printf '%s %s\n' "$3" "$id" >> "$here/images.new"
        mv "$here/images.new" "$here/images" ;;
    push|plugin)
        for word in "$@"; do
            case "$word" in --digestfile=*) cat "$here/digest" > "${word#--digestfile=}" ;; esac
        done
        case "$1$2" in plugininspect) cat "$here/source"; exit 0 ;; esac
        cat "$here/push" ;;
    *)
        case " $* " in *" --help "*) cat "$here/help"; exit 0 ;; esac
        case "$1$2" in buildxversion) test -f "$here/buildx"; exit ;; esac
        before=
        for word in "$@"; do
            case "$before" in --file) cat "$word" > "$here/dockerfile" ;; esac
            before=$word
        done
        if [ -n "$EXPERIMENTAL_BUILDKIT_SOURCE_POLICY" ]; then cat "$EXPERIMENTAL_BUILDKIT_SOURCE_POLICY" > "$here/policy"; fi
        if [ -f "$here/attached" ]; then
            trap 'printf "interrupted: "' INT
            [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && printf 'at a terminal of %s: ' "$(stty size)"
            until read -r line; do :; done
            echo "heard $line"
            exit 7
        fi
        cat > "$here/stdin"
        if [ -f "$here/exit" ]; then exit "$(cat "$here/exit")"; fi ;;
esac
"#;

/// A person's machine with a shim, and a fake behind it.
pub(super) struct Bench {
    pub(super) world: World,
    name: &'static str,
}

impl Bench {
    /// The shim for `name` before a fake of it.
    pub(super) fn new(world: World, name: &'static str) -> Self {
        for dir in ["shim", "real"] {
            fs::create_dir_all(world.path(dir)).expect("a directory");
        }
        let program = env!("CARGO_BIN_EXE_countersign");
        symlink(program, world.path("shim").join(name)).expect("a link");
        world.write(&format!("real/{name}"), FAKE);
        let bench = Self { world, name };
        bench.executable(&format!("real/{name}"));
        for (file, content) in [
            ("version", "Docker version 28.2.2, build e6534b4\n"),
            ("help", ""),
            ("images", ""),
            ("push", ""),
        ] {
            bench.set(file, content);
        }
        bench
    }

    /// Makes a file a program.
    pub(super) fn executable(&self, file: &str) {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.world.path(file), mode).expect("a mode");
    }

    /// Tells the fake something.
    pub(super) fn set(&self, file: &str, content: &str) {
        self.world.write(&format!("real/{file}"), content);
    }

    /// What the fake wrote.
    pub(super) fn get(&self, file: &str) -> String {
        let content = fs::read(self.world.path("real").join(file)).unwrap_or_default();
        String::from_utf8(content).expect("text")
    }

    /// The directories of PATH: the shim's, the fake's, and the system's tools without its docker.
    pub(super) fn path(&self) -> String {
        format!("{}:{}:{}", self.dir("shim"), self.dir("real"), tools(&self.world))
    }

    pub(super) fn dir(&self, name: &str) -> String {
        self.world.path(name).to_str().expect("text").to_owned()
    }

    /// The shim with trust on.
    pub(super) fn trusting(&self, args: &[&str]) -> Invocation {
        self.shim(args).env("DOCKER_CONTENT_TRUST", "1")
    }

    /// The shim as it is.
    pub(super) fn shim(&self, args: &[&str]) -> Invocation {
        self.world.program_at(&self.world.path("shim").join(self.name), args).env("PATH", self.path())
    }

    /// Runs the shim with trust on.
    pub(super) fn run(&self, args: &[&str]) -> Output {
        self.trusting(args).run()
    }

    /// Every command line that the fake was given.
    pub(super) fn calls(&self) -> Vec<Vec<String>> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.world.path("real"))
            .expect("a directory")
            .map(|entry| entry.expect("an entry").path())
            .filter(|file| {
                file.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with("call"))
            })
            .collect();
        files.sort();
        files.iter().map(|file| words(file)).collect()
    }

    /// Every command line that asked the fake for more than what it has.
    pub(super) fn deeds(&self) -> Vec<Vec<String>> {
        self.calls().into_iter().filter(|call| call[..2] != ["image", "inspect"]).collect()
    }

    /// The last command line that the fake was given: what was handed over.
    #[track_caller]
    pub(super) fn last_call(&self) -> Vec<String> {
        self.calls().pop().expect("the fake was called")
    }

    /// The fake's value of a variable.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        let environment = self.get("environment");
        let prefix = format!("{name}=");
        environment.split('\0').find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
    }
}

fn words(file: &Path) -> Vec<String> {
    let text = String::from_utf8(fs::read(file).expect("a call")).expect("text");
    let mut words: Vec<String> = text.split('\0').map(str::to_owned).collect();
    words.pop();
    words
}

/// A directory with links to the tools that the fake needs, and nothing else.
fn tools(world: &World) -> String {
    let dir = world.path("tools");
    if fs::create_dir(&dir).is_ok() {
        for tool in ["cat", "cut", "env", "grep", "ls", "mv", "printf", "setsid", "sh", "sha256sum", "sleep"]
        {
            let from = ["/usr/bin", "/bin"].map(|bin| Path::new(bin).join(tool));
            let from = from.iter().find(|file| file.exists()).expect("a tool of every system");
            symlink(from, dir.join(tool)).expect("a link");
        }
    }
    dir.to_str().expect("text").to_owned()
}
