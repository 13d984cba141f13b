//! `RUN --mount=…`: which sources a mount names.

use super::error::Reason;
use super::inputs::Builder;
use super::text::Traced;

/// Every option of a mount, of Docker and of podman, that can't bring in an image.
const OPTIONS: [&str; 33] = [
    "type",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "id",
    "sharing",
    "env",
    "z",
    "relabel",
    "bind-propagation",
    "bind-nonrecursive",
    "u",
    "chown",
    "idmap",
    "tmpfs-size",
    "tmpfs-mode",
    "tmpcopyup",
    "notmpcopyup",
    "exec",
    "noexec",
    "suid",
    "nosuid",
];

/// The values of `from=` in the options of one mount.
///
/// Source: `moby/buildkit frontend/dockerfile/instructions/commands_runmount.go`.
pub(super) fn sources(value: &Traced, builder: Builder) -> Result<Vec<Traced>, Reason> {
    let text = value.as_str();
    if text.contains(|ch: char| matches!(ch, '"' | '\'') || ch.is_whitespace()) {
        return Err(Reason::Ambiguous(
            "has quotes or blanks inside a mount, which builders read in different ways",
        ));
    }
    if builder == Builder::Podman && text.contains('$') {
        return Err(Reason::Ambiguous(
            "has a mount with variables, which podman expands before it looks for a source",
        ));
    }
    let (mut sources, mut start) = (Vec::new(), 0);
    for option in text.split(',') {
        let (key, _) = option.split_once('=').unwrap_or((option, ""));
        let key_lower = key.to_ascii_lowercase();
        if key_lower == "from" {
            let from = (start + option.len()).min(start + key.len() + 1);
            sources.push(value.slice(from..start + option.len()));
        } else if !OPTIONS.contains(&key_lower.as_str()) {
            return Err(Reason::Flag(format!("--mount={key}")));
        }
        start += option.len() + 1;
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, builder: Builder) -> Result<Vec<String>, Reason> {
        let mut value = Traced::default();
        value.push_str(text, 0);
        let sources = sources(&value, builder)?;
        Ok(sources.iter().map(|source| source.as_str().to_owned()).collect())
    }

    #[test]
    fn sources_are_found_in_any_case_and_number() {
        let docker = |text| found(text, Builder::BuildKit);
        assert_eq!(docker("type=bind,from=alpine,target=/x"), Ok(vec!["alpine".to_owned()]));
        assert_eq!(docker("FROM=a,from=b"), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(docker("type=cache,id=$TARGETARCH,target=/c,ro"), Ok(vec![]));
        assert_eq!(docker("from,type=bind"), Ok(vec![String::new()]));
    }

    #[test]
    fn what_may_hide_a_source_is_refused() {
        assert!(found("type=bind,\"from=a\"", Builder::BuildKit).is_err());
        assert!(found("type=bind, from=a", Builder::BuildKit).is_err());
        assert!(found("type=image,image=a", Builder::BuildKit).is_err());
        assert!(found("$MOUNT", Builder::BuildKit).is_err());
        assert!(found("type=cache,id=$ID", Builder::Podman).is_err());
    }
}
