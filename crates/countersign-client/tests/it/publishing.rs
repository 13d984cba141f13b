//! A trust server in memory that takes uploads, as far as publishers can tell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use countersign_client::remote::{FetchError, Fetched, PublishError, Remote, RemoteFile};
use countersign_core::author::{KeyRing, expiry, sign};
use countersign_core::digest::Digest;
use countersign_core::key::PublicKey;
use countersign_core::limits::Limits;
use countersign_core::metadata::{Document, Envelope, FileMeta, Root, Snapshot, Timestamp};
use countersign_core::name::{RoleName, TopRole};
use countersign_core::number::MetaVersion;
use countersign_core::sign::SecretKey;

use crate::collection::{key, now};
use crate::simulator::{Fault, SimServer, version_of};

/// What happens just before the next upload is looked at.
type Meanwhile = Box<dyn FnOnce() -> BTreeMap<RoleName, Bytes> + Send>;

/// A trust server with timestamp and snapshot keys.
pub(crate) struct PublishServer {
    pub(crate) files: Arc<SimServer>,
    /// The last key of each is the one that is given out.
    timestamp: Mutex<Vec<Arc<SecretKey>>>,
    snapshot: Mutex<Vec<Arc<SecretKey>>>,
    newest: Mutex<BTreeMap<RoleName, Bytes>>,
    /// After how many uploads.
    meanwhile: Mutex<Option<(usize, Meanwhile)>>,
    /// After how many uploads the next one is refused, and how.
    fault: Mutex<Option<(usize, Fault)>>,
    uploads: Mutex<Vec<BTreeMap<RoleName, Bytes>>>,
    proposals: Mutex<Proposals>,
}

/// What a server does with proposals.
#[derive(Default)]
enum Proposals {
    /// It doesn't know them, as Notary's.
    #[default]
    Unknown,
    /// It keeps the last one.
    Kept(Option<Bytes>),
    /// It is out of order.
    Lost,
}

impl PublishServer {
    pub(crate) fn empty() -> Arc<Self> {
        Arc::new(Self {
            files: SimServer::empty(),
            timestamp: Mutex::new(vec![key()]),
            snapshot: Mutex::new(vec![key()]),
            newest: Mutex::default(),
            meanwhile: Mutex::default(),
            fault: Mutex::default(),
            uploads: Mutex::default(),
            proposals: Mutex::default(),
        })
    }

    fn keys(&self, role: TopRole) -> &Mutex<Vec<Arc<SecretKey>>> {
        if role == TopRole::Timestamp { &self.timestamp } else { &self.snapshot }
    }

    /// Lets somebody else publish just before the next upload is looked at.
    pub(crate) fn meanwhile(&self, publish: impl FnOnce() -> BTreeMap<RoleName, Bytes> + Send + 'static) {
        self.meanwhile_after(0, publish);
    }

    /// Lets somebody else publish just before the upload after so many is looked at.
    pub(crate) fn meanwhile_after(
        &self,
        uploads: usize,
        publish: impl FnOnce() -> BTreeMap<RoleName, Bytes> + Send + 'static,
    ) {
        *self.meanwhile.lock().expect("one at a time") = Some((uploads, Box::new(publish)));
    }

    /// What happens before this upload.
    fn due(&self) -> Option<Meanwhile> {
        let mut meanwhile = self.meanwhile.lock().expect("one at a time");
        match meanwhile.take()? {
            (0, due) => Some(due),
            (uploads, later) => {
                *meanwhile = Some((uploads - 1, later));
                None
            }
        }
    }

    /// Refuses the next upload.
    pub(crate) fn refuse_next(&self, fault: Fault) {
        self.refuse_after(0, fault);
    }

    /// Refuses the upload after so many.
    pub(crate) fn refuse_after(&self, uploads: usize, fault: Fault) {
        *self.fault.lock().expect("one at a time") = Some((uploads, fault));
    }

    /// What is wrong with this upload.
    fn fault(&self) -> Option<Fault> {
        let mut fault = self.fault.lock().expect("one at a time");
        match fault.take()? {
            (0, due) => Some(due),
            (uploads, later) => {
                *fault = Some((uploads - 1, later));
                None
            }
        }
    }

    /// Keeps proposals from now on.
    pub(crate) fn keep_proposals(&self) {
        *self.proposals.lock().expect("one at a time") = Proposals::Kept(None);
    }

    /// Answers questions for proposals with an error from now on.
    pub(crate) fn lose_proposals(&self) {
        *self.proposals.lock().expect("one at a time") = Proposals::Lost;
    }

    /// The roles of each upload since the last call.
    pub(crate) fn uploads(&self) -> Vec<Vec<String>> {
        let uploads = std::mem::take(&mut *self.uploads.lock().expect("one at a time"));
        uploads.iter().map(|files| files.keys().map(ToString::to_string).collect()).collect()
    }

    /// The files of the last upload, taken or not.
    pub(crate) fn last_upload(&self) -> BTreeMap<RoleName, Bytes> {
        self.uploads.lock().expect("one at a time").last().cloned().expect("an upload")
    }

    /// The newest file of each role.
    pub(crate) fn newest(&self) -> BTreeMap<RoleName, Bytes> {
        self.newest.lock().expect("one at a time").clone()
    }

    /// Lists this file for a role, however old it is and whoever has signed it.
    pub(crate) fn list(&self, role: RoleName, file: Bytes) {
        self.newest.lock().expect("one at a time").insert(role, file);
        self.take(&BTreeMap::new()).expect("nothing is older");
    }

    /// Lists no file for a role any more.
    pub(crate) fn unlist(&self, role: &RoleName) {
        let mut newest = self.newest.lock().expect("one at a time");
        newest.remove(role);
        let mut snapshot: Snapshot = claim(&newest[&TopRole::Snapshot.into()]);
        snapshot.meta.remove(role.as_str());
        let mut written = Vec::new();
        snapshot.write_canonical(&mut written);
        let written = String::from_utf8(written).expect("JSON");
        let unsigned = format!("{{\"signatures\":[],\"signed\":{written}}}");
        newest.insert(TopRole::Snapshot.into(), Bytes::from(unsigned));
        drop(newest);
        self.take(&BTreeMap::new()).expect("nothing is older");
    }

    /// Takes files without looking at signatures: any version not above the stored one is a conflict.
    pub(crate) fn take(&self, files: &BTreeMap<RoleName, Bytes>) -> Result<(), PublishError> {
        let mut newest = self.newest.lock().expect("one at a time");
        let is_old = |(role, file): (&RoleName, &Bytes)| {
            newest.get(role).is_some_and(|stored| version_of(stored) >= version_of(file))
        };
        if files.iter().any(is_old) {
            return Err(PublishError::Conflict { server: self.server().to_owned() });
        }
        newest.extend(files.clone());
        let root: Root = claim(&newest[&TopRole::Root.into()]);
        let mut ring = KeyRing::default();
        for keys in [&self.timestamp, &self.snapshot] {
            keys.lock().expect("one at a time").iter().for_each(|key| ring.insert(key.clone()));
        }
        if !files.contains_key(&TopRole::Snapshot.into()) {
            let role = RoleName::from(TopRole::Snapshot);
            let mut snapshot = newest
                .get(&role)
                .map_or_else(|| Snapshot::new(MetaVersion::FIRST, expiry(&role, now())), claim);
            snapshot.version = snapshot.version.next().expect("a version");
            for (role, file) in newest.iter().filter(|(role, _)| {
                role.is_delegation() || **role == TopRole::Root || **role == TopRole::Targets
            }) {
                snapshot.meta.insert(role.to_string(), FileMeta::of(file));
            }
            let file = sign(&role, &snapshot, &[root.role_keys(TopRole::Snapshot)], &ring).expect("signed");
            newest.insert(role, file);
        }
        let role = RoleName::from(TopRole::Timestamp);
        let version = newest.get(&role).map_or(0, version_of) + 1;
        let snapshot = FileMeta::of(&newest[&TopRole::Snapshot.into()]);
        let version = MetaVersion::new(version).expect("a version");
        let timestamp = Timestamp::new(version, expiry(&role, now()), snapshot);
        let file = sign(&role, &timestamp, &[root.role_keys(TopRole::Timestamp)], &ring).expect("signed");
        newest.insert(role, file);
        for (role, file) in &*newest {
            self.files.put(role, file);
        }
        Ok(())
    }
}

fn claim<T: Document>(file: &Bytes) -> T {
    Envelope::parse(file.clone(), &Limits::default()).expect("metadata").claim().expect("metadata")
}

#[async_trait]
impl Remote for PublishServer {
    fn server(&self) -> &'static str {
        "trust.example"
    }

    async fn fetch(
        &self,
        file: &RemoteFile,
        max_bytes: u64,
        if_none_match: Option<Digest>,
    ) -> Result<Fetched, FetchError> {
        self.files.fetch(file, max_bytes, if_none_match).await
    }

    async fn public_key(&self, role: TopRole) -> Result<PublicKey, FetchError> {
        self.files.admit(&format!("{role}.key"))?;
        Ok(self.keys(role).lock().expect("one at a time").last().expect("a key").public_key().clone())
    }

    async fn rotate_key(&self, role: TopRole) -> Result<PublicKey, FetchError> {
        self.files.admit(&format!("POST {role}.key"))?;
        self.keys(role).lock().expect("one at a time").push(key());
        self.public_key(role).await
    }

    async fn publish(&self, files: &BTreeMap<RoleName, Bytes>) -> Result<(), PublishError> {
        self.uploads.lock().expect("one at a time").push(files.clone());
        if let Some(meanwhile) = self.due() {
            self.take(&meanwhile()).expect("somebody else was first");
        }
        if let Some(fault) = self.fault() {
            return Err(match fault {
                Fault::Rejected => PublishError::Rejected {
                    server: self.server().to_owned(),
                    name: "ErrBadTargets".to_owned(),
                    message: "The targets metadata is invalid".to_owned(),
                },
                fault => fault.error("trust.example").into(),
            });
        }
        self.take(files)
    }

    async fn delete(&self) -> Result<(), FetchError> {
        self.files.admit("DELETE")?;
        self.files.clear();
        self.newest.lock().expect("one at a time").clear();
        Ok(())
    }

    async fn proposal(&self, _max_bytes: u64) -> Result<Option<Bytes>, FetchError> {
        match &*self.proposals.lock().expect("one at a time") {
            Proposals::Unknown => Ok(None),
            Proposals::Kept(kept) => Ok(kept.clone()),
            Proposals::Lost => Err(Fault::Status(503).error("trust.example")),
        }
    }

    async fn propose(&self, proposal: Bytes, _replace: bool) -> Result<Option<Bytes>, PublishError> {
        let Proposals::Kept(kept) = &mut *self.proposals.lock().expect("one at a time") else {
            return Ok(None);
        };
        *kept = Some(proposal.clone());
        Ok(Some(proposal))
    }

    async fn withdraw_proposal(&self) -> Result<(), FetchError> {
        if let Proposals::Kept(kept) = &mut *self.proposals.lock().expect("one at a time") {
            *kept = None;
        }
        Ok(())
    }
}
