//! A real podman builds what is handed over.

use std::fs;
use std::io::Cursor;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_core::digest::Digest;
use countersign_engine::Registries;
use countersign_engine::build::{BuildFlags, Builder, Prepared, Resolve, prepare_build};
use countersign_lab::image::Image;
use countersign_lab::registry::Registry;
use countersign_registry::reference::ImageReference;
use countersign_testkit::command::Invocation;
use countersign_testkit::peers::present_or_skip;

use super::{flags, stdin_of};
use crate::registry_client;

/// What the registry has under a tag is what is trusted here.
struct Tags<'registry>(&'registry Registry);

#[async_trait]
impl Resolve<std::io::Error> for Tags<'_> {
    async fn resolve(&self, images: &[ImageReference]) -> Vec<Result<Digest, std::io::Error>> {
        let digest = |image: &ImageReference| self.0.tagged(image.path(), image.tag().unwrap_or_default());
        images.iter().map(|image| digest(image).ok_or(std::io::ErrorKind::NotFound.into())).collect()
    }
}

async fn prepare(registry: &Registry, flags: BuildFlags, stdin: Vec<u8>) -> Prepared {
    let registries: Arc<dyn Registries> = Arc::new(registry_client);
    prepare_build(flags, Box::new(Cursor::new(stdin)), &Tags(registry), &registries).await.expect("a build")
}

#[tokio::test(flavor = "multi_thread")]
async fn podman_builds_every_form_and_asks_for_digests_only() {
    if !present_or_skip(&["podman"]) {
        return;
    }
    let registry = Registry::start().await.expect("a registry");
    registry.put_image("base", "1", &Image::of_text("base").expect("an image"));
    registry.put_image("tools", "1", &Image::of_text("tools").expect("an image"));
    let text = "ARG V=1\nFROM HOST/base:$V AS one\nFROM one AS two\nCOPY --from=HOST/tools:1 /etc/motd /tools\n\
                FROM scratch\nCOPY --from=two /tools /tools\nCOPY --from=two /etc/motd /base\n";
    let text = text.replace("HOST", &registry.host());
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("Containerfile"), &text).expect("a file");
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_dir_all(".", dir.path()).expect("an archive");
    let archive = archive.into_inner().expect("an archive");
    let store = tempfile::tempdir().expect("a directory");
    for (form, context, file, stdin) in [
        ("directory", ".", None, Vec::new()),
        ("file on standard input", ".", Some("-"), text.clone().into_bytes()),
        ("Dockerfile alone", "-", None, text.clone().into_bytes()),
        ("archive", "-", None, archive),
    ] {
        let mut flags = flags(Builder::Podman, context, dir.path());
        flags.file = file.map(str::to_owned);
        let prepared = prepare(&registry, flags, stdin).await;
        let stdin = if prepared.stdin.is_some() { stdin_of(&prepared) } else { Vec::new() };
        registry.forget_requests();
        let place = |name: &str| store.path().join(name);
        let output = Invocation::of("podman")
            .args(["--storage-driver", "vfs", "--root"])
            .arg(place("root"))
            .arg("--runroot")
            .arg(place("run"))
            .args(["build", "--tls-verify=false", "--no-cache"])
            .args(&prepared.args)
            .arg(&prepared.context)
            .dir(dir.path())
            .stdin(stdin);
        let output = tokio::task::spawn_blocking(move || output.run()).await.expect("it runs");
        assert_eq!(output.code, Some(0), "{form}: {}", output.transcript());
        let asked = registry.requests();
        let manifests: Vec<_> = asked.iter().filter(|asked| asked.path.contains("/manifests/")).collect();
        assert!(
            manifests.iter().all(|asked| asked.path.contains("/manifests/sha256:")),
            "{form}: {manifests:?}"
        );
    }
}
