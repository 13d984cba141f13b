//! Flags that this program doesn't know, as the help of the installed program has them.
//!
//! A flag in a help text: `  -p, --publish list     Publish ...`, `      --rm               Remove ...`,
//! `      --pull string[="always"]  ...`.
//!
//! Source: spf13/pflag `flag.go` (`FlagUsages`).

use std::io::Read as _;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::line::{Learned, Shape};
use super::real::Real;

/// Longest help that is read, in bytes.
const HELP_BYTES: u64 = 1 << 20;
/// How long a program may take to say its help.
const DEADLINE: Duration = Duration::from_secs(10);

/// The flags of a command by the installed program's own help; none if it gives no help.
pub(crate) fn ask(real: &Real, command: &str) -> Vec<Learned> {
    let mut program = real.command();
    program.args(command.split_ascii_whitespace()).arg("--help");
    program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut child) = program.spawn() else { return Vec::new() };
    let Some(stdout) = child.stdout.take() else { return Vec::new() };
    let reader = thread::spawn(move || {
        let mut help = Vec::new();
        stdout.take(HELP_BYTES).read_to_end(&mut help).ok().map(|_| help)
    });
    if !ended_well(&mut child) {
        return Vec::new();
    }
    let help = reader.join().ok().flatten().unwrap_or_default();
    let help = String::from_utf8_lossy(&help);
    if is_of(&help, command) { flags_of(&help) } else { Vec::new() }
}

/// Whether a help text is of this command: for a command that it does not know, Docker has the help of itself.
fn is_of(help: &str, command: &str) -> bool {
    let Some(last) = command.split_ascii_whitespace().next_back() else { return true };
    let last = if last == "b" { "build" } else { last };
    let usage = help.split_once("Usage:").map_or("", |(_, usage)| usage.trim_start());
    usage.lines().next().is_some_and(|line| line.split(' ').any(|word| word == last))
}

fn ended_well(child: &mut Child) -> bool {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if started.elapsed() < DEADLINE => thread::sleep(Duration::from_millis(5)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

/// The flags that a help text lists.
pub(crate) fn flags_of(help: &str) -> Vec<Learned> {
    help.lines().filter_map(flag_of).collect()
}

fn flag_of(line: &str) -> Option<Learned> {
    let text = line.strip_prefix("  ")?.trim_start();
    let (short, text) = match text.as_bytes() {
        [b'-', short, b',', b' ', b'-', b'-', ..] => (Some(*short), &text[4..]),
        _ => (None, text),
    };
    let text = text.strip_prefix("--")?;
    let end = text.find(' ').unwrap_or(text.len());
    // A name with an optional value: `--pull[=always]`.
    let (name, optional) = match text[..end].split_once('[') {
        Some((name, _)) => (name, true),
        None => (&text[..end], false),
    };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if name.is_empty() || !name.bytes().all(legal) {
        return None;
    }
    let kind = text[end..].strip_prefix(' ').and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let alone = optional || kind.is_empty() || kind.contains("[=");
    let shape = if alone { Shape::Alone } else { Shape::Takes };
    Some(Learned { short, long: name.to_owned(), shape })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_of_something_else_is_no_help() {
        assert!(is_of("Usage:  docker image pull [OPTIONS] NAME", "image pull"));
        assert!(is_of("Run a command\n\nUsage:\n  podman run [options] IMAGE", "run"));
        assert!(is_of("Usage:  docker buildx build [OPTIONS] PATH", "buildx b"));
        assert!(!is_of("Usage:  docker [OPTIONS] COMMAND", "buildx build"));
        assert!(!is_of("", "run"));
    }

    #[test]
    fn flags_are_read_off_a_help_text() {
        let help = "\
Usage:  docker run [OPTIONS] IMAGE

Options:
      --add-host list                    Add a custom host-to-IP mapping
                                         (host:ip)
  -a, --attach list                      Attach to STDIN
      --rm                               Automatically remove
  -t, --tty                              Allocate
      --pull string[=\"always\"]           Pull
      --very-long-flag-of-a-newer-docker string
  -h, --hostname string                  Container host name, see --rm list
  see --nosuch
";
        let flag = |short: Option<u8>, long: &str, shape| Learned { short, long: long.to_owned(), shape };
        assert_eq!(
            flags_of(help),
            [
                flag(None, "add-host", Shape::Takes),
                flag(Some(b'a'), "attach", Shape::Takes),
                flag(None, "rm", Shape::Alone),
                flag(Some(b't'), "tty", Shape::Alone),
                flag(None, "pull", Shape::Alone),
                flag(None, "very-long-flag-of-a-newer-docker", Shape::Takes),
                flag(Some(b'h'), "hostname", Shape::Takes),
            ]
        );
    }
}
