//! Pushes by a daemon, and what it says that it sent.

use countersign_core::digest::Digest;
use countersign_registry::reference::ImageReference;
use serde::Deserialize;
use serde_json::Value;

use super::DockerEngine;
use super::auth::{X_REGISTRY_AUTH, registry_auth};
use super::daemon::Call;
use super::error::DaemonError;
use super::messages::Message;
use crate::engine::Pushed;
use crate::error::EngineError;
use crate::output::Output;
use crate::registries::length_of;

impl DockerEngine {
    /// Has the daemon push one tag. Its report has to say, once, as which digest; and that has to be one of its image's.
    pub(super) async fn push_by_daemon(
        &self,
        reference: &ImageReference,
        output: &dyn Output,
    ) -> Result<Pushed, EngineError> {
        let reference = reference.clone().or_latest();
        let Some(tag) = reference.tag() else { return Err(EngineError::NoTag(reference)) };
        let auth = registry_auth(&self.daemon, &self.credentials, reference.domain()).await?;
        let hello = self.daemon.hello().await?;
        let Some(before) = self.inspect(&reference).await? else {
            return Err(EngineError::NoSuchImage(reference));
        };
        let call = Call::post(&["images", reference.name(), "push"]);
        let mut messages = self.daemon.messages(call.with("tag", tag).header(X_REGISTRY_AUTH, auth)).await?;
        let mut sent = Sent::new(reference.familiar(), tag, hello.is_podman);
        while let Some(message) = messages.next().await? {
            sent.hear(&message)?;
            if !(hello.is_podman && Report::of_words(&message.status).is_some()) {
                message.show(output);
            }
        }
        let report = sent.report.ok_or(DaemonError::NoDigest(sent.reference))?;
        // Podman compresses anew with each push and does not keep what it sent.
        if !hello.is_podman && sent.instead_of_index != Some(report.digest) {
            let found = self.inspect(&reference).await?;
            // A tag that was moved meanwhile is another image, even if that is what was sent.
            if !found.is_some_and(|found| found.id == before.id && found.digests.contains(&report.digest)) {
                let reference = reference.familiar();
                return Err(DaemonError::OtherImage { reference, pushed: report.digest }.into());
            }
        }
        let mut length = report.size;
        if hello.is_podman {
            // What it tells is the length of the manifest that the image once came with.
            length = length_of(&*self.registries, &reference, &report.digest).await?;
            output.line(&format!("{tag}: digest: {} size: {length}", report.digest));
        }
        Ok(Pushed { tag: report.tag, digest: report.digest, length })
    }
}

/// What a report has said so far about what was sent.
struct Sent<'a> {
    reference: String,
    tag: &'a str,
    is_podman: bool,
    report: Option<Report>,
    instead_of_index: Option<Digest>,
}

/// Source: Engine API, "Push an image"; docker/cli `cli/trust/trust_push.go`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase")]
struct Report {
    tag: String,
    digest: Digest,
    size: u64,
}

impl<'a> Sent<'a> {
    fn new(reference: String, tag: &'a str, is_podman: bool) -> Self {
        Self { reference, tag, is_podman, report: None, instead_of_index: None }
    }

    fn hear(&mut self, message: &Message) -> Result<(), DaemonError> {
        let report = match &message.aux {
            Some(aux) if aux.get("manifestPushedInsteadOfIndex") == Some(&Value::Bool(true)) => {
                let digest = aux.pointer("/selectedManifest/digest").and_then(Value::as_str);
                self.instead_of_index = digest.and_then(|digest| digest.parse().ok());
                return Ok(());
            }
            Some(aux) => match Report::deserialize(aux) {
                Ok(report) => report,
                // Docker passes over what names no tag, and so do we: then there may be no report at all.
                Err(_) => return Ok(()),
            },
            // Podman 4 has these words alone.
            None if self.is_podman => match Report::of_words(&message.status) {
                Some(report) => report,
                None => return Ok(()),
            },
            None => return Ok(()),
        };
        let reference = || self.reference.clone();
        if report.tag != self.tag {
            return Err(DaemonError::OtherTag { reference: reference(), tag: report.tag });
        }
        match &self.report {
            Some(first) if *first != report => Err(DaemonError::SecondDigest {
                reference: reference(),
                first: first.digest,
                second: report.digest,
            }),
            _ => {
                self.report = Some(report);
                Ok(())
            }
        }
    }
}

impl Report {
    /// Reads `1.4: digest: sha256:… size: 527`.
    fn of_words(line: &str) -> Option<Self> {
        let (tag, rest) = line.split_once(": digest: ")?;
        let (digest, size) = rest.split_once(" size: ")?;
        Some(Self { tag: tag.to_owned(), digest: digest.parse().ok()?, size: size.trim().parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "sha256:08b034216bb4ea84c57e2f1861e64f4a88a7d0bca2137ec305ce0566b621a722";
    const TWO: &str = "sha256:b737cdc13c9cb5d491c99459de7fd7dd6786ca80a6c030695f07d8a75fb72df9";

    fn aux(tag: &str, digest: &str, size: i64) -> String {
        format!(r#"{{"progressDetail":{{}},"aux":{{"Tag":"{tag}","Digest":"{digest}","Size":{size}}}}}"#)
    }

    fn heard(messages: &[String], is_podman: bool) -> Result<Option<(Digest, u64)>, DaemonError> {
        let mut sent = Sent::new("app:1".to_owned(), "1", is_podman);
        for message in messages {
            sent.hear(&serde_json::from_str(message).expect("a message"))?;
        }
        Ok(sent.report.map(|report| (report.digest, report.size)))
    }

    #[test]
    fn report_is_read_from_extra_data_alone() {
        let words = format!(r#"{{"status":"1: digest: {TWO} size: 7"}}"#);
        let report = heard(&[words.clone(), aux("1", ONE, 527)], false).expect("legal");
        assert_eq!(report, Some((ONE.parse().expect("a digest"), 527)));
        assert_eq!(heard(std::slice::from_ref(&words), false).expect("legal"), None);
        assert_eq!(heard(&[words], true).expect("legal"), Some((TWO.parse().expect("a digest"), 7)));
        assert_eq!(heard(&[r#"{"aux":{"ID":"x"}}"#.to_owned()], false).expect("legal"), None);
        for (digest, size) in [(ONE, -1), ("sha256:12", 1), ("", 1)] {
            assert_eq!(heard(&[aux("1", digest, size)], false).expect("legal"), None, "{digest} {size}");
        }
    }

    #[test]
    fn second_report_has_to_be_the_same() {
        assert!(heard(&[aux("1", ONE, 527), aux("1", ONE, 527)], false).is_ok());
        for second in [aux("1", TWO, 527), aux("1", ONE, 528)] {
            let error = heard(&[aux("1", ONE, 527), second], false).expect_err("a contradiction");
            assert!(matches!(error, DaemonError::SecondDigest { .. }), "{error:?}");
        }
        let error = heard(&[aux("2", ONE, 527)], false).expect_err("another tag");
        assert!(matches!(error, DaemonError::OtherTag { .. }), "{error:?}");
    }

    #[test]
    fn single_platform_of_an_index_is_noticed() {
        let mut sent = Sent::new("app:1".to_owned(), "1", false);
        let note = format!(
            r#"{{"aux":{{"manifestPushedInsteadOfIndex":true,"originalIndex":{{"digest":"{TWO}"}},"selectedManifest":{{"digest":"{ONE}"}}}}}}"#
        );
        for message in [note, aux("1", ONE, 527)] {
            sent.hear(&serde_json::from_str(&message).expect("a message")).expect("legal");
        }
        assert_eq!(sent.instead_of_index, Some(ONE.parse().expect("a digest")));
    }
}
