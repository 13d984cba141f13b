//! Takes out of a text what differs from run to run, so that the rest can be compared.
//!
//! ```
//! use countersign_testkit::normalise::Normaliser;
//! let id = "ab".repeat(32);
//! let text = format!("key {id} of /tmp/x1/private, made 2026-11-24T00:27:22.03945Z by 127.0.0.1:41234, again {id}");
//! assert_eq!(
//!     Normaliser::new().path("/tmp/x1", "<trust>").normalise(&text),
//!     "key <id 1> of <trust>/private, made <time> by 127.0.0.1:<port>, again <id 1>",
//! );
//! ```

use std::path::Path;

/// Replaces given texts, and what looks like a digest, a time or a loopback port.
///
/// Ids (64 hex digits) are numbered in the order in which they appear, and short ids (7 hex digits) of one of them get
/// its number.
#[derive(Clone, Debug, Default)]
pub struct Normaliser {
    replacements: Vec<(String, String)>,
}

impl Normaliser {
    /// One that knows no texts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes `name` where `path` stands. Of two paths that start alike, give the longer one first.
    #[must_use]
    pub fn path(self, path: impl AsRef<Path>, name: &str) -> Self {
        self.text(&path.as_ref().to_string_lossy(), name)
    }

    /// Writes `name` where `text` stands.
    #[must_use]
    pub fn text(mut self, text: &str, name: &str) -> Self {
        self.replacements.push((text.to_owned(), name.to_owned()));
        self
    }

    /// The normalised text.
    pub fn normalise(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (from, to) in &self.replacements {
            text = text.replace(from, to);
        }
        let text =
            replace_runs(&text, is_time_byte, |run| time_end(run).map(|end| ("<time>".to_owned(), end)));
        let mut ids: Vec<String> = Vec::new();
        let text = replace_runs(
            &text,
            |byte| byte.is_ascii_alphanumeric(),
            |run| {
                let hex = run.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
                match run.len() {
                    64 if hex => {
                        let number = ids.iter().position(|id| id == run).unwrap_or_else(|| {
                            ids.push(run.to_owned());
                            ids.len() - 1
                        });
                        Some((format!("<id {}>", number + 1), run.len()))
                    }
                    7 if hex => {
                        let number = ids.iter().position(|id| id.starts_with(run))?;
                        Some((format!("<short id {}>", number + 1), run.len()))
                    }
                    _ => None,
                }
            },
        );
        ports(&text)
    }
}

/// Walks the runs of bytes that `belongs` accepts. `replace` gives what to write instead, and for how many bytes of the run.
fn replace_runs(
    text: &str,
    belongs: impl Fn(u8) -> bool,
    mut replace: impl FnMut(&str) -> Option<(String, usize)>,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.bytes().take_while(|&byte| belongs(byte)).count();
        if run == 0 {
            let end = rest.bytes().position(&belongs).unwrap_or(rest.len());
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let (replacement, used) = replace(&rest[..run]).unwrap_or_else(|| (rest[..run].to_owned(), run));
        out.push_str(&replacement);
        rest = &rest[used..];
    }
    out
}

fn is_time_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b'+' | b'T' | b'Z')
}

/// Where the RFC 3339 time at the start of `run` ends.
fn time_end(run: &str) -> Option<usize> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let bytes = run.as_bytes();
    if bytes.len() <= SHAPE.len() {
        return None;
    }
    for (&byte, &shape) in bytes.iter().zip(SHAPE) {
        let fits = if shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
        if !fits {
            return None;
        }
    }
    let mut end = SHAPE.len();
    if bytes[end] == b'.' {
        end += 1 + bytes[end + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    }
    match bytes.get(end) {
        Some(b'Z') => Some(end + 1),
        Some(b'+' | b'-') if bytes.len() >= end + 6 => Some(end + 6),
        _ => None,
    }
}

fn ports(text: &str) -> String {
    let mut out = text.to_owned();
    for host in ["127.0.0.1:", "localhost:", "[::1]:"] {
        let mut parts = out.split(host);
        let mut with_names = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            with_names.push_str(host);
            with_names.push_str(if digits > 0 { "<port>" } else { "" });
            with_names.push_str(&part[digits..]);
        }
        out = with_names;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_offsets_and_fractions_are_taken_out() {
        let text = "from 2026-11-24T00:27:22Z to 2026-11-24T00:27:22.5+01:00, version 1.2.3";
        assert_eq!(Normaliser::new().normalise(text), "from <time> to <time>, version 1.2.3");
    }

    #[test]
    fn short_ids_get_the_number_of_the_id_that_they_shorten() {
        let (first, second) = ("0a".repeat(32), "0b".repeat(32));
        let text = format!("{first} {second} {} {} 1234567", &second[..7], &first[..7]);
        assert_eq!(Normaliser::new().normalise(&text), "<id 1> <id 2> <short id 2> <short id 1> 1234567");
    }

    #[test]
    fn digests_keep_their_algorithm() {
        let text = format!("app@sha256:{}", "9".repeat(64));
        assert_eq!(Normaliser::new().normalise(&text), "app@sha256:<id 1>");
    }

    #[test]
    fn words_that_only_look_alike_are_kept() {
        for text in ["deadbeef", "2026-11-24", "localhost:", "T-1", "ünïcode 12:30"] {
            assert_eq!(Normaliser::new().normalise(text), text);
        }
    }
}
