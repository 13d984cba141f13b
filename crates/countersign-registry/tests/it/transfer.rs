//! Pulls from registries that serve what they should not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign_core::digest::Digest;
use countersign_registry::client::RegistryError;
use countersign_registry::credentials::Credentials;
use countersign_registry::descriptor::{Descriptor, media_type};
use countersign_registry::transfer::{Platforms, Pull, Pulled, State, TransferError, pull};
use serde_json::{Value, json};

use crate::peer::{Peer, Reply};
use crate::place::{Ears, Memory};
use crate::registry::client_as;

/// A registry that serves a place's content by digest, whatever it is asked for; the first `failures` times it is busy.
async fn serving(memory: &Memory, kinds: &[(Digest, &'static str)], failures: usize) -> Peer {
    let (memory, kinds, left) = (memory.clone(), kinds.to_vec(), AtomicUsize::new(failures));
    Peer::start(move |request| {
        let Some(digest) = request.path().rsplit('/').next().and_then(|name| name.parse::<Digest>().ok())
        else {
            return Reply::ok("{}");
        };
        let busy = |left: usize| left.checked_sub(1);
        if request.path().contains("/blobs/")
            && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, busy).is_ok()
        {
            return Reply::new(503, &[], "<html>busy</html>");
        }
        let kind = kinds
            .iter()
            .find(|(found, _)| *found == digest)
            .map_or("application/octet-stream", |(_, kind)| kind);
        memory.get(&digest).map_or_else(
            || Reply::new(404, &[], ""),
            |content| Reply::new(200, &[("Content-Type", kind)], content),
        )
    })
    .await
}

async fn pull_from(
    peer: &Peer,
    digest: Digest,
    there: &Memory,
    ears: &Arc<Ears>,
) -> Result<Pulled, TransferError> {
    pull(Pull {
        repository: client_as(&peer.host(), Credentials::Anonymous).repository("team/app"),
        digest,
        platforms: Platforms::All,
        sink: Arc::new(there.clone()),
        progress: Arc::<Ears>::clone(ears),
        parallel: 3,
    })
    .await
}

fn layer(memory: &Memory, text: &str) -> Value {
    memory.put(text.to_owned());
    json!(Descriptor::of(media_type::OCI_LAYER, text.as_bytes()))
}

fn manifest(memory: &Memory, layers: &[Value]) -> Digest {
    memory.put("{}");
    let config = Descriptor::of(media_type::OCI_CONFIG, b"{}");
    memory.put(json!({ "schemaVersion": 2, "config": config, "layers": layers }).to_string())
}

fn index(memory: &Memory, entries: &[Value]) -> Digest {
    memory.put(json!({ "schemaVersion": 2, "manifests": entries }).to_string())
}

fn entry(memory: &Memory, digest: Digest) -> Value {
    json!(Descriptor::of(media_type::OCI_MANIFEST, &memory.get(&digest).expect("it is there")))
}

/// Pulls what must not come, and shows that nothing of it stays under a manifest's name.
async fn refused(here: &Memory, root: Digest, kind: &'static str, inner: &[Digest]) -> TransferError {
    let mut kinds = vec![(root, kind)];
    kinds.extend(inner.iter().map(|digest| (*digest, media_type::OCI_MANIFEST)));
    let peer = serving(here, &kinds, 0).await;
    let there = Memory::default();
    let error = pull_from(&peer, root, &there, &Arc::default()).await.expect_err("it must not come");
    assert!(there.get(&root).is_none());
    error
}

#[tokio::test]
async fn layer_named_twice_comes_once() {
    let here = Memory::default();
    let (same, other) = (layer(&here, "same"), layer(&here, "other"));
    let root = manifest(&here, &[same.clone(), other, same]);
    let peer = serving(&here, &[(root, media_type::OCI_MANIFEST)], 0).await;
    let there = Memory::default();
    pull_from(&peer, root, &there, &Arc::default()).await.expect("pulled");
    assert_eq!(there.len(), 4);
    assert_eq!(peer.lines().iter().filter(|line| line.contains("/blobs/")).count(), 3);
}

#[tokio::test]
async fn busy_registry_is_asked_again() {
    let here = Memory::default();
    let text = layer(&here, "text");
    let root = manifest(&here, &[text]);
    let peer = serving(&here, &[(root, media_type::OCI_MANIFEST)], 2).await;
    let (there, ears) = (Memory::default(), Arc::new(Ears::default()));
    pull_from(&peer, root, &there, &ears).await.expect("pulled");
    let blobs = [Digest::sha256(b"text"), Digest::sha256(b"{}")];
    let retries = blobs
        .iter()
        .flat_map(|digest| ears.of(digest))
        .filter(|state| matches!(state, State::Retrying { .. }));
    assert_eq!(retries.count(), 2);
}

#[tokio::test]
async fn missing_layer_leaves_no_manifest() {
    let here = Memory::default();
    let text = layer(&here, "text");
    let root = manifest(&here, &[text]);
    here.remove(&Digest::sha256(b"text"));
    let error = refused(&here, root, media_type::OCI_MANIFEST, &[]).await;
    assert!(matches!(error, TransferError::Registry(RegistryError::NotFound { .. })), "{error:?}");
}

#[tokio::test]
async fn layers_from_elsewhere_are_refused() {
    let here = Memory::default();
    let mut foreign = layer(&here, "text");
    foreign["urls"] = json!(["https://elsewhere.example/layer"]);
    let root = manifest(&here, &[foreign]);
    let error = refused(&here, root, media_type::OCI_MANIFEST, &[]).await;
    assert!(matches!(error, TransferError::Foreign { .. }), "{error:?}");
}

#[tokio::test]
async fn contradictions_are_refused() {
    let here = Memory::default();
    let text = layer(&here, "text");
    let mut longer = text.clone();
    longer["size"] = json!(5);
    let root = manifest(&here, &[text.clone(), longer.clone()]);
    let error = refused(&here, root, media_type::OCI_MANIFEST, &[]).await;
    assert!(matches!(error, TransferError::Contradiction { .. }), "{error:?}");
    let root = manifest(&here, &[longer]);
    let error = refused(&here, root, media_type::OCI_MANIFEST, &[]).await;
    assert!(
        matches!(error, TransferError::Registry(RegistryError::Size { expected: 5, found: 4, .. })),
        "{error:?}"
    );
    let child = manifest(&here, &[text]);
    for (field, value) in [("size", json!(1)), ("mediaType", json!(media_type::DOCKER_MANIFEST))] {
        let mut wrong = entry(&here, child);
        wrong[field] = value;
        let root = index(&here, &[wrong]);
        let error = refused(&here, root, media_type::OCI_INDEX, &[child]).await;
        assert!(matches!(error, TransferError::Contradiction { .. }), "{field}: {error:?}");
    }
}

#[tokio::test]
async fn document_that_is_image_and_index_is_refused() {
    let here = Memory::default();
    let config = Descriptor::of(media_type::OCI_CONFIG, b"{}");
    let both = json!({ "schemaVersion": 2, "config": config, "layers": [], "manifests": [] });
    let root = here.put(both.to_string());
    for kind in [media_type::OCI_MANIFEST, media_type::OCI_INDEX] {
        let error = refused(&here, root, kind, &[]).await;
        assert!(
            matches!(error, TransferError::Registry(RegistryError::Manifest { .. })),
            "{kind}: {error:?}"
        );
    }
}

#[tokio::test]
async fn nesting_ends() {
    let here = Memory::default();
    let mut kinds = Vec::new();
    let mut root = index(&here, &[]);
    for _ in 0..5 {
        kinds.push((root, media_type::OCI_INDEX));
        let inner = Descriptor::of(media_type::OCI_INDEX, &here.get(&root).expect("it is there"));
        root = index(&here, &[json!(inner)]);
    }
    kinds.push((root, media_type::OCI_INDEX));
    let peer = serving(&here, &kinds, 0).await;
    let error = pull_from(&peer, root, &Memory::default(), &Arc::default()).await.expect_err("too deep");
    assert!(matches!(error, TransferError::Deep { .. }), "{error:?}");
}
