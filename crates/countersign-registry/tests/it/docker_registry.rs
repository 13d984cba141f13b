//! Whole images to and from Debian's `docker-registry`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign_core::digest::Digest;
use countersign_registry::auth::{AuthError, login};
use countersign_registry::client::{RegistryError, Repository, Uploaded};
use countersign_registry::credentials::{Credentials, Secret};
use countersign_registry::descriptor::{Descriptor, media_type};
use countersign_registry::http::{HttpClient, HttpConfig};
use countersign_registry::transfer::{
    PARALLEL_DOWNLOADS, PARALLEL_UPLOADS, Platforms, Pull, Pulled, Push, Pushed, State, TransferError, pull,
    push,
};
use countersign_testkit::image::{Dialect, File, Image, Index};
use countersign_testkit::peers::{DockerRegistry, DockerRegistryOptions, present_or_skip};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::place::{Ears, Memory};
use crate::registry::client_as;

fn image(text: &str, architecture: &str, dialect: Dialect) -> Image {
    let builder = Image::builder().dialect(dialect).platform("linux", architecture);
    let shared = [File::new("etc/shared", "the same in all")];
    builder.layer(shared).layer([File::new("etc/motd", text.to_owned())]).build().expect("an image")
}

fn repository(registry: &DockerRegistry, path: &str) -> Repository {
    client_as(&registry.host(), Credentials::Anonymous).repository(path)
}

async fn push_from(
    memory: &Memory,
    to: &Repository,
    root: &Descriptor,
    ears: &Arc<Ears>,
) -> Result<Pushed, TransferError> {
    push(Push {
        repository: to.clone(),
        tag: Some("1.4".to_owned()),
        root: root.clone(),
        source: Arc::new(memory.clone()),
        mount_from: None,
        progress: Arc::<Ears>::clone(ears),
        parallel: PARALLEL_UPLOADS,
    })
    .await
}

async fn pull_to(
    memory: &Memory,
    from: &Repository,
    digest: Digest,
    platforms: Platforms,
    ears: &Arc<Ears>,
) -> Result<Pulled, TransferError> {
    pull(Pull {
        repository: from.clone(),
        digest,
        platforms,
        sink: Arc::new(memory.clone()),
        progress: Arc::<Ears>::clone(ears),
        parallel: PARALLEL_DOWNLOADS,
    })
    .await
}

fn root(memory: &Memory, digest: Digest, kind: &str) -> Descriptor {
    Descriptor::of(kind, &memory.get(&digest).expect("it is here"))
}

#[tokio::test]
async fn image_goes_there_and_back() {
    if !present_or_skip(&["docker-registry"]) {
        return;
    }
    let registry = DockerRegistry::start();
    for (path, dialect, kind) in [
        ("team/oci", Dialect::Oci, media_type::OCI_MANIFEST),
        ("team/docker", Dialect::Docker, media_type::DOCKER_MANIFEST),
    ] {
        let image = image("hello", "amd64", dialect);
        let here = Memory::with(image.contents());
        let root = root(&here, image.digest(), kind);
        let repository = repository(&registry, path);
        let ears = Arc::new(Ears::default());
        let pushed = push_from(&here, &repository, &root, &ears).await.expect("pushed");
        assert_eq!((pushed.digest, pushed.size, pushed.media_type.as_str()), (root.digest, root.size, kind));
        let layer = image.layers()[1].digest;
        assert_eq!(
            (ears.of(&layer).first(), ears.of(&layer).last()),
            (Some(&State::Waiting), Some(&State::Pushed))
        );
        let again = Arc::new(Ears::default());
        push_from(&here, &repository, &root, &again).await.expect("pushed again");
        assert!(again.last().values().all(|state| *state == State::LayerAlreadyExists), "{:?}", again.last());
        let there = Memory::default();
        let ears = Arc::new(Ears::default());
        let pulled = pull_to(&there, &repository, root.digest, Platforms::All, &ears).await.expect("pulled");
        assert_eq!(pulled.root.digest(), root.digest);
        assert_eq!(there.len(), here.len());
        assert!(
            image.contents().iter().all(|content| there.get(&content.digest) == Some(content.bytes.clone()))
        );
        assert!(ears.last().values().all(|state| *state == State::Complete), "{:?}", ears.last());
        let again = Arc::new(Ears::default());
        pull_to(&there, &repository, root.digest, Platforms::All, &again).await.expect("pulled again");
        assert!(again.last().values().all(|state| *state == State::AlreadyExists), "{:?}", again.last());
        let tagged = repository.manifest_by_untrusted_tag("1.4").await.expect("the tag");
        assert_eq!(tagged.digest(), root.digest);
    }
}

#[tokio::test]
async fn index_goes_whole_and_comes_back_for_one_platform() {
    if !present_or_skip(&["docker-registry"]) {
        return;
    }
    let registry = DockerRegistry::start();
    let repository = repository(&registry, "team/multi");
    let images =
        ["amd64", "arm64", "s390x"].map(|architecture| image(architecture, architecture, Dialect::Oci));
    let index = Index::of(images);
    let here = Memory::with(index.contents());
    let root = root(&here, index.digest(), media_type::OCI_INDEX);
    let ears = Arc::new(Ears::default());
    push_from(&here, &repository, &root, &ears).await.expect("pushed");
    let whole = Memory::default();
    let pulled = pull_to(&whole, &repository, root.digest, Platforms::All, &ears).await.expect("pulled");
    assert_eq!((pulled.images.len(), whole.len()), (3, here.len()));
    let one = Memory::default();
    let platform = Platforms::Only("linux/arm64".parse().expect("a platform"));
    let pulled = pull_to(&one, &repository, root.digest, platform, &ears).await.expect("pulled");
    assert_eq!(pulled.images.len(), 1);
    assert_eq!(pulled.images[0].digest(), index.images()[1].digest());
    assert_eq!(one.len(), 1 + index.images()[1].contents().len());
    let none = Platforms::Only("linux/mips64le".parse().expect("a platform"));
    let error = pull_to(&one, &repository, root.digest, none, &ears).await.expect_err("no such platform");
    assert_eq!(
        error.to_string(),
        format!(
            "index {} has no image for linux/mips64le, only for linux/amd64, linux/arm64, linux/s390x",
            root.digest
        )
    );
    // What is not here must be there, or the push fails before the tag moves.
    let partial = Memory::with(index.contents());
    partial.remove(&index.images()[0].digest());
    push_from(&partial, &repository, &root, &ears).await.expect("the registry has it");
    let elsewhere = client_as(&registry.host(), Credentials::Anonymous).repository("team/other");
    let error = push_from(&partial, &elsewhere, &root, &ears).await.expect_err("nobody has it");
    assert!(matches!(error, TransferError::Missing { digest } if digest == index.images()[0].digest()));
    let tag = elsewhere.manifest_by_untrusted_tag("1.4").await.expect_err("no tag");
    assert!(matches!(tag, RegistryError::NotFound { .. }), "{tag:?}");
}

#[tokio::test]
async fn corrupt_content_here_is_not_pushed() {
    if !present_or_skip(&["docker-registry"]) {
        return;
    }
    let registry = DockerRegistry::start();
    let repository = repository(&registry, "team/app");
    let image = image("hello", "amd64", Dialect::Oci);
    let here = Memory::with(image.contents());
    let root = root(&here, image.digest(), media_type::OCI_MANIFEST);
    let ears = Arc::new(Ears::default());
    let layer = image.layers()[0];
    let same_length: String = "x".repeat(layer.bytes.len());
    here.corrupt(&layer.digest, same_length.leak());
    let error = push_from(&here, &repository, &root, &ears).await.expect_err("another layer");
    let refused = matches!(error, TransferError::Registry(RegistryError::Status { status: 400, .. }));
    assert!(refused, "{error:?}");
    here.corrupt(&root.digest, "something else");
    let error = push_from(&here, &repository, &root, &ears).await.expect_err("another manifest");
    assert!(matches!(error, TransferError::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn blobs_are_mounted_from_another_repository() {
    if !present_or_skip(&["docker-registry"]) {
        return;
    }
    let registry = DockerRegistry::start();
    let client = client_as(&registry.host(), Credentials::Anonymous);
    let memory = Memory::default();
    let content = "content".repeat(1000);
    let descriptor = Descriptor::of(media_type::OCI_LAYER, content.as_bytes());
    memory.put(content);
    let upload = async |path: &str, from: Option<&str>| {
        client.repository(path).upload_blob(&descriptor, &memory, from, Arc::new(|_| ())).await.expect(path)
    };
    assert_eq!(upload("team/one", None).await, Uploaded::Sent);
    assert_eq!(upload("team/two", Some("team/one")).await, Uploaded::Mounted("team/one".to_owned()));
    assert_eq!(upload("team/two", Some("team/one")).await, Uploaded::Existed);
    assert_eq!(upload("team/three", Some("team/empty")).await, Uploaded::Sent);
    assert!(client.repository("team/two").has_blob(&descriptor).await.expect("an answer"));
}

#[tokio::test]
async fn blobs_go_up_in_pieces() {
    if !present_or_skip(&["docker-registry"]) {
        return;
    }
    let registry = DockerRegistry::start();
    let memory = Memory::default();
    let content: Vec<u8> = (0..70_001_u32).flat_map(u32::to_le_bytes).collect();
    let descriptor = Descriptor::of(media_type::OCI_LAYER, &content);
    memory.put(content);
    for (path, chunk) in [("team/odd", 99_999), ("team/even", 70_001), ("team/one", u64::MAX)] {
        let client = client_as(&registry.host(), Credentials::Anonymous).with_upload_sizes(0, chunk);
        let uploaded =
            client.repository(path).upload_blob(&descriptor, &memory, None, Arc::new(|_| ())).await;
        assert_eq!(uploaded.expect(path), Uploaded::Sent);
    }
    assert_eq!(registry.log().matches("PATCH /v2/team/odd").count(), 3);
    let empty = Descriptor::of(media_type::OCI_LAYER, b"");
    memory.put("");
    let client = client_as(&registry.host(), Credentials::Anonymous).with_upload_sizes(0, 5);
    let uploaded = client.repository("team/empty").upload_blob(&empty, &memory, None, Arc::new(|_| ())).await;
    assert_eq!(uploaded.expect("an empty blob"), Uploaded::Sent);
}

/// Leads to `behind`, and cuts the first `times` connections that carry more than `limit` bytes there.
async fn cutting(
    behind: SocketAddr,
    limit: usize,
    times: usize,
) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let left = Arc::new(AtomicUsize::new(times));
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((near, _)) = listener.accept().await {
            let left = Arc::clone(&left);
            connections.spawn(async move {
                let far = TcpStream::connect(behind).await.expect("the registry");
                let ((mut near_in, mut near_out), (mut far_in, mut far_out)) =
                    (near.into_split(), far.into_split());
                let up = async {
                    let (mut sent, mut buffer) = (0, vec![0; 16 << 10]);
                    while let Ok(read @ 1..) = near_in.read(&mut buffer).await {
                        sent += read;
                        let cut = sent > limit
                            && left
                                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                                    left.checked_sub(1)
                                })
                                .is_ok();
                        if cut || far_out.write_all(&buffer[..read]).await.is_err() {
                            break;
                        }
                    }
                };
                tokio::select! {
                    () = up => {},
                    _ = tokio::io::copy(&mut far_in, &mut near_out) => {},
                }
            });
        }
    });
    (address, task)
}

#[tokio::test]
async fn upload_that_breaks_off_goes_on_where_it_was() {
    if !present_or_skip(&["docker-registry"]) {
        return;
    }
    let registry = DockerRegistry::start();
    let content: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let descriptor = Descriptor::of(media_type::OCI_LAYER, &content);
    let memory = Memory::default();
    memory.put(content);
    for (path, monolithic) in [("team/pieces", 0), ("team/once", u64::MAX)] {
        let behind = registry.host().parse().expect("an address");
        let (address, proxy) = cutting(behind, 2_000_000, 2).await;
        let client =
            client_as(&address.to_string(), Credentials::Anonymous).with_upload_sizes(monolithic, u64::MAX);
        let states = Arc::new(std::sync::Mutex::new(Vec::new()));
        let ears = Arc::clone(&states);
        let report = Arc::new(move |state| ears.lock().expect("nobody panics").push(state));
        let uploaded =
            client.repository(path).upload_blob(&descriptor, &memory, None, report).await.expect(path);
        assert_eq!(uploaded, Uploaded::Sent);
        let retries = states
            .lock()
            .expect("nobody panics")
            .iter()
            .filter(|state| matches!(state, State::Retrying { .. }))
            .count();
        assert!((1..=2).contains(&retries), "{path}: {retries}");
        proxy.abort();
    }
    assert!(registry.log().contains("GET /v2/team/pieces/blobs/uploads/"), "it asked where it was");
}

#[tokio::test]
async fn password_protects_a_registry() {
    if !present_or_skip(&["docker-registry", "htpasswd"]) {
        return;
    }
    let registry = DockerRegistry::with(&DockerRegistryOptions {
        basic_auth: Some(("alice".to_owned(), "open sesame".to_owned())),
        ..DockerRegistryOptions::default()
    });
    let image = image("hello", "amd64", Dialect::Oci);
    let here = Memory::with(image.contents());
    let root = root(&here, image.digest(), media_type::OCI_MANIFEST);
    let ears = Arc::new(Ears::default());
    let as_user = |credentials| client_as(&registry.host(), credentials).repository("team/app");
    let alice = as_user(Credentials::password("alice", "open sesame"));
    push_from(&here, &alice, &root, &ears).await.expect("pushed");
    pull_to(&Memory::default(), &alice, root.digest, Platforms::All, &ears).await.expect("pulled");
    let error = refusal(&as_user(Credentials::password("alice", "wrong")), root.digest).await;
    assert!(matches!(error, AuthError::Incorrect { .. }), "{error:?}");
    let error = refusal(&as_user(Credentials::Anonymous), root.digest).await;
    assert!(matches!(error, AuthError::NoCredentials { .. }), "{error:?}");
    let http = HttpClient::new(HttpConfig::default());
    let base = alice.registry().base().await.expect("its address");
    let kept = login(&http, &base, "alice", Secret::from("open sesame")).await.expect("welcome");
    assert_eq!(kept.username(), Some("alice"));
    let error = login(&http, &base, "alice", Secret::from("wrong")).await.expect_err("a wrong password");
    assert!(matches!(error, AuthError::Incorrect { .. }), "{error:?}");
}

async fn refusal(repository: &Repository, digest: Digest) -> AuthError {
    match repository.manifest(&digest).await {
        Err(RegistryError::Auth(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn registry_with_tls_is_found_on_this_machine() {
    if !present_or_skip(&["docker-registry"]) {
        return;
    }
    let registry =
        DockerRegistry::with(&DockerRegistryOptions { tls: true, ..DockerRegistryOptions::default() });
    let config = tempfile::tempdir().expect("a directory");
    let directory = config.path().join(registry.host());
    std::fs::create_dir(&directory).expect("a directory");
    std::fs::copy(registry.ca_file(), directory.join("ca.crt")).expect("a file");
    let http = HttpClient::new(HttpConfig {
        host_directories: vec![config.path().to_owned()],
        ..HttpConfig::default()
    });
    let parts = countersign_registry::client::RegistryParts {
        domain: registry.host(),
        http,
        tokens: countersign_registry::auth::Tokens::new(),
        credentials: Arc::new(countersign_registry::credentials::Fixed::anonymous()),
    };
    let client = countersign_registry::client::RegistryClient::new(parts).expect("a domain");
    assert_eq!(client.base().await.expect("its address").scheme(), "https");
    let image = image("hello", "amd64", Dialect::Oci);
    let here = Memory::with(image.contents());
    let root = root(&here, image.digest(), media_type::OCI_MANIFEST);
    let ears = Arc::new(Ears::default());
    push_from(&here, &client.repository("team/app"), &root, &ears).await.expect("pushed over HTTP/2");
    let untrusting = client_as(&registry.host(), Credentials::Anonymous);
    let error = untrusting.base().await.expect_err("an unknown authority");
    assert!(!error.is_offline(), "{error:?}");
}
