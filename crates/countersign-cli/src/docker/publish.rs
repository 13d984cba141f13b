//! `push` of Docker and podman, and of Docker's plugins: the engine pushes, then what was sent is signed.
//!
//! Source: docker/cli `cli/command/image/push.go`, `cli/trust/trust_push.go`.

use std::ffi::OsString;

use anyhow::Context as _;
use countersign_client::changelist::ChangeList;
use countersign_client::publisher::{Publisher, TagToSign};
use countersign_core::digest::Digest;
use countersign_core::name::{Gun, TargetName};
use countersign_registry::reference::{DEFAULT_TAG, ImageReference};
use thiserror::Error;

use super::line::Given;
use super::program::{SentLine, flag_word};
use super::{Job, Kind, reference};
use crate::commands::push;
use crate::exit::ExitStatus;
use crate::refusal::Refusal;

/// Longest file with a digest that is read, in bytes.
const DIGEST_BYTES: usize = 256;

/// A push whose outcome nobody can tell. Nothing was signed.
#[derive(Debug, Error)]
pub(super) enum SentError {
    /// The engine did not say what it sent.
    #[error("the engine did not say which digest it pushed for `{tag}`; it was pushed, and is not signed")]
    Nothing {
        /// The tag.
        tag: String,
    },
    /// The engine said two things.
    #[error("the engine named two digests for `{tag}`; it was pushed, and is not signed")]
    Two {
        /// The tag.
        tag: String,
    },
    /// Where podman pushes to is no registry.
    #[error("content trust covers pushes to registries only, not to `{0}`; nothing was pushed")]
    Elsewhere(String),
}

/// Pushes an image and signs it.
pub(super) fn push(job: &Job) -> anyhow::Result<ExitStatus> {
    match job.engine.kind() {
        Kind::Docker => push_of_docker(job, &["push"]),
        Kind::Podman => push_of_podman(job),
    }
}

/// Pushes a plugin and signs it.
pub(super) fn push_plugin(job: &Job) -> anyhow::Result<ExitStatus> {
    push_of_docker(job, &["plugin", "push"])
}

fn push_of_docker(job: &Job, words: &[&str]) -> anyhow::Result<ExitStatus> {
    let image = reference(job.only_word()?)?;
    if image.digest().is_some() {
        return Err(Refusal::PushDigest.into());
    }
    let all = job.line.is_on("all-tags");
    if all && image.tag().is_some() {
        return Err(Refusal::TagWithAll.into());
    }
    if image.is_name_only() && !all && words.len() == 1 {
        job.printer().data("Using default tag: latest")?;
    }
    let image = if all { image } else { image.or_latest() };
    let gun = image.gun();
    let publisher = prepare(job, &gun, image.tag())?;
    // What is signed is what the engine says that it sent, so it may not be quiet.
    let flags: Vec<&Given> = job.line.flags.iter().filter(|flag| flag.name != "quiet").collect();
    let failed = || format!("cannot push `{}`; nothing was signed", image.familiar());
    let sent = job.push(words, &flags, &image).with_context(failed)?;
    for one in settled(sent, image.tag())? {
        let tagged = image.without_suffix().with_tag(&one.tag)?;
        sign(job, &publisher, &tagged, one.digest, one.size)?;
    }
    Ok(ExitStatus::Success)
}

/// What was sent, once for each tag.
fn settled(sent: Vec<SentLine>, tag: Option<&str>) -> Result<Vec<SentLine>, SentError> {
    let mut settled: Vec<SentLine> = Vec::new();
    for line in sent {
        match settled.iter().find(|other| other.tag == line.tag) {
            Some(other) if *other != line => return Err(SentError::Two { tag: line.tag }),
            Some(_) => {}
            None => settled.push(line),
        }
    }
    if let Some(tag) = tag {
        settled.retain(|line| line.tag == tag);
    }
    if settled.is_empty() {
        return Err(SentError::Nothing { tag: tag.unwrap_or("all tags").to_owned() });
    }
    Ok(settled)
}

/// podman says into a file what it sent; how long that is, the registry tells, whose answer must have that digest.
fn push_of_podman(job: &Job) -> anyhow::Result<ExitStatus> {
    let source = job.word(0)?;
    let target = if job.line.words.len() > 1 { job.word(1)? } else { source };
    let target = target.strip_prefix("docker://").unwrap_or(target);
    if ["dir:", "docker-archive:", "docker-daemon:", "oci:", "oci-archive:", "containers-storage:"]
        .iter()
        .any(|transport| target.starts_with(transport))
    {
        return Err(SentError::Elsewhere(target.to_owned()).into());
    }
    let image = reference(target)?;
    if image.digest().is_some() {
        return Err(Refusal::PushDigest.into());
    }
    let image = image.or_latest();
    let publisher = prepare(job, &image.gun(), image.tag())?;
    let file = tempfile::NamedTempFile::new().context("no temporary file can be made; nothing was pushed")?;
    let flags = job.line.flags.iter().filter(|flag| flag.name != "digestfile");
    let mut args: Vec<OsString> = flags.map(|flag| flag_word(&flag.name, flag.value.as_deref())).collect();
    args.push(flag_word("digestfile", Some(file.path().as_os_str())));
    args.extend([source.into(), format!("docker://{image}").into()]);
    let failed = || format!("cannot push `{}`; nothing was signed", image.familiar());
    job.engine.push(&["push"], &args).with_context(failed)?;
    let unsigned = || format!("`{}` was pushed, and is not signed", image.familiar());
    let text = std::fs::read_to_string(file.path()).with_context(unsigned)?;
    if let Some(flag) = job.line.last("digestfile").and_then(|flag| flag.value.as_ref()) {
        std::fs::write(flag, &text).with_context(unsigned)?;
    }
    let tag = image.tag().unwrap_or(DEFAULT_TAG).to_owned();
    let digest: Option<Digest> =
        text.get(..text.len().min(DIGEST_BYTES)).and_then(|text| text.trim().parse().ok());
    let digest = digest.ok_or(SentError::Nothing { tag })?;
    let size = job.block_on(async {
        let repository = job.app.registry(image.domain())?.repository(image.path());
        let manifest = repository.manifest(&digest).await?;
        anyhow::Ok(manifest.bytes().len() as u64)
    });
    sign(job, &publisher, &image, digest, size.with_context(unsigned)?)?;
    Ok(ExitStatus::Success)
}

/// Tries what can be tried before anything is pushed: are the keys here, do the variables open them?
fn prepare(job: &Job, gun: &Gun, tag: Option<&str>) -> anyhow::Result<Publisher> {
    let changes = ChangeList::new(job.app.context().trust_dir(), gun.clone());
    job.block_on(push::drop_left_over(&changes, &job.app))?;
    // What will be sent is not known yet, so this tag is none that is signed already.
    let planned = TagToSign {
        tag: TargetName::from(tag.unwrap_or(DEFAULT_TAG).to_owned()),
        digest: Digest::sha256(b""),
        size: 0,
    };
    let publisher = job.app.publisher(gun, None)?;
    let checked = job.block_on(publisher.check_keys_before(&planned, job.app.context().now()));
    checked.with_context(|| format!("`{gun}` could not be signed, so nothing was pushed"))?;
    Ok(publisher)
}

fn sign(
    job: &Job,
    publisher: &Publisher,
    tagged: &ImageReference,
    digest: Digest,
    size: u64,
) -> anyhow::Result<()> {
    job.printer().data("Signing and pushing trust metadata")?;
    let tag = TargetName::from(tagged.tag().unwrap_or(DEFAULT_TAG).to_owned());
    let target = TagToSign { tag, digest, size };
    let published = job.block_on(push::sign(publisher, &target, tagged, &job.app))?;
    push::tell(&published, tagged, &job.app)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(tag: &str, text: &[u8]) -> SentLine {
        SentLine { tag: tag.to_owned(), digest: Digest::sha256(text), size: 1 }
    }

    #[test]
    fn only_what_the_engine_names_once_is_signed() {
        let (one, two) = (line("1", b"a"), line("2", b"b"));
        let names = |lines: Vec<SentLine>, tag| {
            let settled = settled(lines, tag)?;
            Ok::<_, SentError>(settled.into_iter().map(|line| line.tag).collect::<Vec<_>>())
        };
        assert_eq!(names(vec![one.clone(), one.clone()], Some("1")).expect("one"), ["1"]);
        assert_eq!(names(vec![one.clone(), two.clone()], None).expect("two"), ["1", "2"]);
        assert_eq!(names(vec![one.clone(), two], Some("1")).expect("one"), ["1"]);
        assert!(matches!(names(vec![one.clone(), line("1", b"c")], None), Err(SentError::Two { .. })));
        assert!(matches!(names(vec![one], Some("3")), Err(SentError::Nothing { .. })));
        assert!(matches!(names(Vec::new(), None), Err(SentError::Nothing { .. })));
    }
}
