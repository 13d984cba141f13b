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
        let hello = self.daemon.hello().await?;
        let Some(before) = self.inspect(&reference).await? else {
            return Err(EngineError::NoSuchImage(reference));
        };
        let mut sent = Sent::new(reference.familiar(), Some(tag), hello.is_podman);
        self.order_push(&reference, &mut sent, output).await?;
        let report = sent.reports.pop().ok_or(DaemonError::NoDigest(sent.reference))?;
        // Podman compresses anew with each push and does not keep what it sent.
        if !hello.is_podman && !sent.instead_of_index.contains(&report.digest) {
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

    /// Has Docker's daemon push every tag of a repository. Its report has to say of each, once, as which digest; and that has to
    /// be one of the image that had the tag before.
    ///
    /// # Errors
    /// As [`Engine::push`](crate::Engine::push). Podman pushes one tag at a time: [`EngineError::NotWithThis`].
    pub async fn push_all(
        &self,
        repository: &ImageReference,
        output: &dyn Output,
    ) -> Result<Vec<Pushed>, EngineError> {
        if self.daemon.hello().await?.is_podman {
            return Err(EngineError::NotWithThis { engine: self.name, what: "pushing all tags at once" });
        }
        let names = self.list().await?.into_iter().filter_map(|image| image.reference);
        let mut before = Vec::new();
        for name in names.filter(|name| name.name() == repository.name() && name.tag().is_some()) {
            let found = self.inspect(&name).await?;
            before.extend(found.map(|found| (name, found.id)));
        }
        if before.is_empty() {
            return Err(EngineError::NoSuchImage(repository.clone()));
        }
        let mut sent = Sent::new(repository.familiar(), None, false);
        self.order_push(repository, &mut sent, output).await?;
        for report in &sent.reports {
            let other = || DaemonError::OtherImage {
                reference: format!("{}:{}", repository.familiar_name(), report.tag),
                pushed: report.digest,
            };
            let (name, id) =
                before.iter().find(|(name, _)| name.tag() == Some(&report.tag)).ok_or_else(other)?;
            let found = self.inspect(name).await?;
            let is_sent =
                found.is_some_and(|found| found.id == *id && found.digests.contains(&report.digest));
            if !is_sent && !sent.instead_of_index.contains(&report.digest) {
                return Err(other().into());
            }
        }
        let is_told =
            |name: &ImageReference| sent.reports.iter().any(|report| name.tag() == Some(&report.tag));
        if let Some((name, _)) = before.iter().find(|(name, _)| !is_told(name)) {
            return Err(DaemonError::NoDigest(name.familiar()).into());
        }
        let pushed = |report: Report| Pushed { tag: report.tag, digest: report.digest, length: report.size };
        Ok(sent.reports.into_iter().map(pushed).collect())
    }

    /// Orders a push and hears all that is said of it.
    async fn order_push(
        &self,
        reference: &ImageReference,
        sent: &mut Sent<'_>,
        output: &dyn Output,
    ) -> Result<(), DaemonError> {
        let auth = registry_auth(&self.daemon, &self.credentials, reference.domain()).await?;
        let mut call = Call::post(&["images", reference.name(), "push"]).header(X_REGISTRY_AUTH, auth);
        if let Some(tag) = sent.tag {
            call = call.with("tag", tag);
        }
        let mut messages = self.daemon.messages(call).await?;
        while let Some(message) = messages.next().await? {
            sent.hear(&message)?;
            if !(sent.is_podman && Report::of_words(&message.status).is_some()) {
                message.show(output);
            }
        }
        Ok(())
    }
}

/// What a report has said so far about what was sent.
struct Sent<'a> {
    reference: String,
    /// The only tag that is to be pushed.
    tag: Option<&'a str>,
    is_podman: bool,
    /// One for each tag.
    reports: Vec<Report>,
    /// Images of one platform that were sent in the place of an index.
    instead_of_index: Vec<Digest>,
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
    fn new(reference: String, tag: Option<&'a str>, is_podman: bool) -> Self {
        Self { reference, tag, is_podman, reports: Vec::new(), instead_of_index: Vec::new() }
    }

    fn hear(&mut self, message: &Message) -> Result<(), DaemonError> {
        let report = match &message.aux {
            Some(aux) if aux.get("manifestPushedInsteadOfIndex") == Some(&Value::Bool(true)) => {
                let digest = aux.pointer("/selectedManifest/digest").and_then(Value::as_str);
                self.instead_of_index.extend(digest.and_then(|digest| digest.parse::<Digest>().ok()));
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
        if self.tag.is_some_and(|tag| report.tag != tag) {
            return Err(DaemonError::OtherTag { reference: reference(), tag: report.tag });
        }
        match self.reports.iter().find(|first| first.tag == report.tag) {
            Some(first) if *first != report => Err(DaemonError::SecondDigest {
                reference: reference(),
                first: first.digest,
                second: report.digest,
            }),
            Some(_) => Ok(()),
            None => {
                self.reports.push(report);
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
        let mut sent = Sent::new("app:1".to_owned(), Some("1"), is_podman);
        for message in messages {
            sent.hear(&serde_json::from_str(message).expect("a message"))?;
        }
        Ok(sent.reports.pop().map(|report| (report.digest, report.size)))
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
    fn each_tag_of_several_has_one_report() {
        let mut sent = Sent::new("app".to_owned(), None, false);
        let mut hear = |text: String| sent.hear(&serde_json::from_str(&text).expect("a message"));
        for (tag, digest) in [("1", ONE), ("2", TWO), ("1", ONE)] {
            hear(aux(tag, digest, 527)).expect("legal");
        }
        assert!(matches!(hear(aux("2", ONE, 527)), Err(DaemonError::SecondDigest { .. })));
        let reports: Vec<_> = sent.reports.iter().map(|report| report.tag.as_str()).collect();
        assert_eq!(reports, ["1", "2"]);
    }

    #[test]
    fn single_platform_of_an_index_is_noticed() {
        let mut sent = Sent::new("app:1".to_owned(), Some("1"), false);
        let note = format!(
            r#"{{"aux":{{"manifestPushedInsteadOfIndex":true,"originalIndex":{{"digest":"{TWO}"}},"selectedManifest":{{"digest":"{ONE}"}}}}}}"#
        );
        for message in [note, aux("1", ONE, 527)] {
            sent.hear(&serde_json::from_str(&message).expect("a message")).expect("legal");
        }
        assert_eq!(sent.instead_of_index, [ONE.parse().expect("a digest")]);
    }
}
