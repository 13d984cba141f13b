//! A published collection, its next edition, and what somebody may make of that edition before it is uploaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_core::author::{self, Change, DelegationEdit};
use countersign_core::limits::Limits;
use countersign_core::metadata::{Document, Envelope, FileMeta, Root, Snapshot, Targets};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::sign::SecretKey;
use countersign_core::signature::{RoleKeys, Signature};
use countersign_core::time::DateTime;
use countersign_core::trust::TrustedCollection;
use countersign_server::clock::Clock as _;

use crate::setting::{Publisher, SnapshotKey, TestServer, role, set};

/// Two editions are published, a client trusts the second, and the third is ready.
pub(crate) struct Case {
    pub(crate) server: TestServer,
    pub(crate) publisher: Publisher,
    pub(crate) root: Root,
    /// The files of the first edition.
    pub(crate) old: BTreeMap<RoleName, Bytes>,
    /// What a client trusts: the second edition.
    pub(crate) trusted: TrustedCollection,
    /// The third edition as its publisher signed it.
    pub(crate) honest: BTreeMap<RoleName, Bytes>,
    /// What is uploaded.
    pub(crate) next: BTreeMap<RoleName, Bytes>,
}

impl Case {
    pub(crate) async fn new(snapshot: SnapshotKey) -> Self {
        Self::of(snapshot, false).await
    }

    /// With `targets/a`, which may speak of names that begin with `a`.
    pub(crate) async fn delegated(snapshot: SnapshotKey) -> Self {
        Self::of(snapshot, true).await
    }

    async fn of(snapshot: SnapshotKey, delegated: bool) -> Self {
        let server = TestServer::start().await;
        let mut publisher = Publisher::of(&server, "g/a", snapshot).await;
        let old = publisher.first(&server);
        server.publish(&publisher.gun, &old).await.expect_ok();
        let (mut second, mut third) = (vec![set("targets", "v2", b"2")], vec![set("targets", "v3", b"3")]);
        if delegated {
            let edit = DelegationEdit {
                add_keys: vec![publisher.new_key()],
                add_paths: vec!["a".to_owned()],
                ..DelegationEdit::default()
            };
            second.push(Change::EditDelegation { role: role("targets/a"), edit });
            second.push(set("targets/a", "a2", b"2"));
            third.push(set("targets/a", "a3", b"3"));
        }
        let second = publisher.next(&server, &second).await;
        server.publish(&publisher.gun, &second).await.expect_ok();
        let honest = publisher.next(&server, &third).await;
        let trusted = server.update(&publisher.gun).await;
        let root = (**trusted.root()).clone();
        Self { server, publisher, root, old, trusted, next: honest.clone(), honest }
    }

    pub(crate) fn now(&self) -> DateTime {
        self.server.clock.now()
    }

    /// The file that is uploaded, or the stored one.
    pub(crate) fn file(&self, of: &str) -> Bytes {
        let of = role(of);
        self.next.get(&of).cloned().unwrap_or_else(|| self.trusted.files()[&of].clone())
    }

    pub(crate) fn claim<T: Document>(&self, of: &str) -> T {
        Envelope::parse(self.file(of), &Limits::default()).and_then(|file| file.claim()).expect("readable")
    }

    /// Whose signatures `of` needs.
    pub(crate) fn keys(&self, of: &str) -> RoleKeys {
        let of = role(of);
        if let Some(top) = of.top() {
            return self.root.role_keys(top);
        }
        let parent = of.parent().expect("a delegation has a parent");
        let parent: Targets = self.claim(parent.as_str());
        parent.delegations.keys_of(&of).expect("delegated")
    }

    /// A key of the publisher's that is in no metadata yet.
    pub(crate) fn new_key(&mut self) -> Arc<SecretKey> {
        let key = Arc::new(SecretKey::generate_ecdsa().expect("a key"));
        self.publisher.ring.insert(key.clone());
        key
    }

    /// Puts `document`, signed by the keys of its role, in the place of the file that is to be uploaded.
    pub(crate) fn put<T: Document>(&mut self, of: &str, document: &T) {
        let keys = self.keys(of);
        self.put_by(of, document, &[keys]);
    }

    /// As `put`, signed by these keys.
    pub(crate) fn put_by<T: Document>(&mut self, of: &str, document: &T, keys: &[RoleKeys]) {
        let file = author::sign(&role(of), document, keys, &self.publisher.ring).expect("signed");
        self.put_file(of, file);
    }

    /// Puts `file` there, and has the snapshot that is uploaded with it name it.
    pub(crate) fn put_file(&mut self, of: &str, file: impl Into<Bytes>) {
        self.next.insert(role(of), file.into());
        if of != "snapshot" {
            self.list();
        }
    }

    /// Makes the snapshot that is to be uploaded, if there is one, name what is to be uploaded.
    pub(crate) fn list(&mut self) {
        if !self.next.contains_key(&role("snapshot")) {
            return;
        }
        let mut snapshot: Snapshot = self.claim("snapshot");
        for (of, file) in self.next.iter().filter(|(of, _)| **of != TopRole::Snapshot) {
            snapshot.meta.insert(of.to_string(), FileMeta::of(file));
        }
        self.put("snapshot", &snapshot);
    }

    pub(crate) fn edit_targets(&mut self, of: &str, edit: impl FnOnce(&mut Targets)) {
        let mut targets: Targets = self.claim(of);
        edit(&mut targets);
        self.put(of, &targets);
    }

    pub(crate) fn edit_snapshot(&mut self, edit: impl FnOnce(&mut Snapshot)) {
        let mut snapshot: Snapshot = self.claim("snapshot");
        edit(&mut snapshot);
        self.put("snapshot", &snapshot);
    }

    /// Uploads the next root too, edited, signed by the keys of the trusted one and by its own.
    pub(crate) fn edit_root(&mut self, edit: impl FnOnce(&mut Root)) {
        let root = self.next_root(edit);
        let keys = [self.keys("root"), root.role_keys(TopRole::Root)];
        self.put_by("root", &root, &keys);
    }

    /// The root after the trusted one, edited.
    pub(crate) fn next_root(&self, edit: impl FnOnce(&mut Root)) -> Root {
        let mut root = self.root.clone();
        root.version = root.version.next().expect("a version");
        edit(&mut root);
        root
    }

    /// The signatures of the file that is to be uploaded, edited.
    pub(crate) fn edit_signatures(&mut self, of: &str, edit: impl FnOnce(&mut Vec<Signature>)) {
        let envelope = Envelope::parse(self.file(of), &Limits::default()).expect("a file");
        let mut signatures = envelope.signatures().to_vec();
        edit(&mut signatures);
        let file = write(&String::from_utf8_lossy(envelope.message()), &signatures);
        self.put_file(of, file);
    }

    /// Replaces `from` in the signed part by `to`, and signs that: its canonical form, if it has one, else the text as it stands.
    pub(crate) fn edit_signed(&mut self, of: &str, from: &str, to: &str) {
        let envelope = Envelope::parse(self.file(of), &Limits::default()).expect("a file");
        let text = String::from_utf8_lossy(envelope.message()).into_owned();
        assert!(text.contains(from), "{from} is not in {text}");
        let text = text.replacen(from, to, 1);
        let unsigned = Envelope::parse(Bytes::from(write(&text, &[])), &Limits::default());
        let message = unsigned.map_or_else(|_| text.clone().into_bytes(), |file| file.message().to_vec());
        let keys = self.keys(of);
        let signatures = keys.keys().iter().filter_map(|(id, key)| {
            let key = self.publisher.ring.find(&key.canonical_id().ok()?)?;
            let (method, sig) = key.sign(&message).expect("signed");
            Some(Signature { keyid: id.to_string(), method: method.name().to_owned(), sig })
        });
        let file = write(&text, &signatures.collect::<Vec<_>>());
        self.put_file(of, file);
    }

    /// Replaces `from` in the file by `to`, without a new signature.
    pub(crate) fn damage(&mut self, of: &str, from: &str, to: &str) {
        let text = String::from_utf8(self.file(of).to_vec()).expect("text");
        assert!(text.contains(from), "{from} is not in {text}");
        self.put_file(of, text.replacen(from, to, 1));
    }

    pub(crate) fn stranger(&mut self) -> RoleKeys {
        let key = self.new_key();
        let keys = BTreeMap::from([(key.id(), key.public_key().clone())]);
        RoleKeys::new(keys, self.keys("targets").threshold())
    }
}

/// The file of a signed text, in Notary's layout.
fn write(signed: &str, signatures: &[Signature]) -> String {
    let list: Vec<_> = signatures
        .iter()
        .map(|Signature { keyid, method, sig }| {
            format!(r#"{{"keyid":"{keyid}","method":"{method}","sig":"{}"}}"#, STANDARD.encode(sig))
        })
        .collect();
    format!(r#"{{"signed":{signed},"signatures":[{}]}}"#, list.join(","))
}

pub(crate) fn version(number: u64) -> MetaVersion {
    MetaVersion::new(number).expect("a version")
}
