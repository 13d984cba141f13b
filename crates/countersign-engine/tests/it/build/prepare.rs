//! A whole build, its base images looked at in a registry.

use std::fs;
use std::io::Cursor;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign_core::digest::Digest;
use countersign_engine::Registries;
use countersign_engine::build::{
    BuildFlags, Builder, OnbuildError, PrepareError, Prepared, Reason, Resolve, prepare_build,
};
use countersign_lab::image::{File, Image, Index};
use countersign_lab::registry::Registry;
use countersign_registry::reference::ImageReference;
use thiserror::Error;

use super::{flags, value};
use crate::registry_client;

#[derive(Debug, Error)]
#[error("no trust data")]
struct Untrusted;

/// Says what the registry has under a tag, and remembers the calls. `evil` is not trusted.
struct Tags<'registry> {
    registry: &'registry Registry,
    calls: Mutex<Vec<usize>>,
}

#[async_trait]
impl Resolve<Untrusted> for Tags<'_> {
    async fn resolve(&self, images: &[ImageReference]) -> Vec<Result<Digest, Untrusted>> {
        self.calls.lock().expect("nobody panicked").push(images.len());
        let tagged =
            |image: &ImageReference| self.registry.tagged(image.path(), image.tag().unwrap_or_default());
        images.iter().map(|image| tagged(image).filter(|_| image.path() != "evil").ok_or(Untrusted)).collect()
    }
}

async fn prepare(
    registry: &Registry,
    dockerfile: &str,
    change: impl FnOnce(&mut BuildFlags),
) -> (Result<Prepared, PrepareError<Untrusted>>, Vec<usize>) {
    let text = dockerfile.replace("HOST", &registry.host());
    let mut flags = flags(Builder::BuildKit, "-", "/".as_ref());
    change(&mut flags);
    let tags = Tags { registry, calls: Mutex::new(Vec::new()) };
    let registries: Arc<dyn Registries> = Arc::new(registry_client);
    let result = prepare_build(flags, Box::new(Cursor::new(text.into_bytes())), &tags, &registries).await;
    (result, tags.calls.into_inner().expect("nobody panicked"))
}

fn image(trigger: &[&str], architecture: &str) -> Image {
    let builder =
        Image::builder().platform("linux", architecture).layer([File::new("a", architecture.to_owned())]);
    let builder = trigger.iter().fold(builder, |builder, trigger| builder.trigger(trigger));
    builder.build().expect("an image")
}

#[tokio::test]
async fn images_are_resolved_in_one_call_and_bases_are_told() {
    let registry = Registry::start().await.expect("a registry");
    registry.put_image("base", "1", &image(&["RUN make"], "amd64"));
    registry.put_image("tools", "1", &image(&["COPY --from=evil a b"], "amd64"));
    let text = "FROM HOST/base:1 AS a\nFROM HOST/base:1\nCOPY --from=HOST/tools:1 a b\n";
    let (prepared, calls) = prepare(&registry, text, |_| {}).await;
    let prepared = prepared.expect("a build");
    assert_eq!(calls, [2]);
    assert_eq!(prepared.bases.len(), 1, "triggers of copied images do not run");
    assert_eq!(prepared.bases[0].1.digest(), &registry.tagged("base", "1").expect("a tag"));
    let by_tag = registry.requests().iter().any(|asked| asked.path.contains("manifests/1"));
    assert!(!by_tag, "nothing is fetched by tag");
}

#[tokio::test]
async fn untrusted_image_is_told_with_its_line() {
    let registry = Registry::start().await.expect("a registry");
    registry.put_image("base", "1", &image(&[], "amd64"));
    let (result, calls) = prepare(&registry, "FROM HOST/base:1\nCOPY --from=HOST/evil a b\n", |_| {}).await;
    let error = result.expect_err("it is refused");
    let told = matches!(&error, PrepareError::Untrusted { image, .. } if image.reference.path() == "evil");
    assert!(told, "{error}");
    assert_eq!(calls, [2]);
    assert!(registry.requests().is_empty(), "no registry was asked");
}

#[tokio::test]
async fn base_whose_triggers_bring_in_an_image_is_refused() {
    let registry = Registry::start().await.expect("a registry");
    let trigger = "COPY --from=busybox /a /a";
    registry.put_image("base", "1", &image(&["RUN make", trigger], "amd64"));
    let (result, _) = prepare(&registry, "FROM HOST/base:1\n", |_| {}).await;
    let error = result.expect_err("it is refused");
    let PrepareError::Onbuild(OnbuildError::Refused(refusal)) = &error else { unreachable_with(&error) };
    assert_eq!((refusal.text.as_str(), &refusal.reason), (trigger, &Reason::Trigger));
}

#[expect(clippy::panic, reason = "a test says what went wrong")]
fn unreachable_with(error: &PrepareError<Untrusted>) -> ! {
    panic!("{error}")
}

#[tokio::test]
async fn trigger_may_name_a_stage_that_comes_before() {
    let registry = Registry::start().await.expect("a registry");
    registry.put_image("base", "1", &image(&["COPY --from=tools /a /a"], "amd64"));
    let (result, _) = prepare(&registry, "FROM scratch AS tools\nFROM HOST/base:1\n", |_| {}).await;
    assert!(result.is_ok());
    let (result, _) = prepare(&registry, "FROM HOST/base:1 AS tools\n", |_| {}).await;
    assert!(
        matches!(result, Err(PrepareError::Onbuild(OnbuildError::Refused(_)))),
        "a stage is not before itself"
    );
}

#[tokio::test]
async fn base_written_as_a_digest_is_looked_at_too() {
    let registry = Registry::start().await.expect("a registry");
    let base = image(&["COPY --from=busybox /a /a"], "amd64");
    registry.put_image("base", "1", &base);
    let (result, calls) = prepare(&registry, &format!("FROM HOST/base@{}\n", base.digest()), |_| {}).await;
    assert!(matches!(result, Err(PrepareError::Onbuild(OnbuildError::Refused(_)))));
    assert!(calls.is_empty(), "a digest needs no answer");
}

#[tokio::test]
async fn of_an_index_the_images_that_may_run_are_looked_at() {
    let registry = Registry::start().await.expect("a registry");
    let bad = image(&["COPY --from=busybox /a /a"], "arm64");
    registry.put_index("base", "1", &Index::of([image(&[], "amd64"), bad]));
    let refused =
        |result: &Result<Prepared, _>| matches!(result, Err(PrepareError::Onbuild(OnbuildError::Refused(_))));
    let (unknown, _) = prepare(&registry, "FROM HOST/base:1\n", |_| {}).await;
    assert!(refused(&unknown), "without a platform it may be any");
    let (fits, _) =
        prepare(&registry, "FROM HOST/base:1\n", |flags| flags.platforms = vec!["linux/amd64".to_owned()])
            .await;
    assert!(fits.is_ok());
    let (other, _) = prepare(&registry, "FROM --platform=linux/arm64 HOST/base:1\n", |flags| {
        flags.platforms = vec!["linux/amd64".to_owned()];
    })
    .await;
    assert!(refused(&other));
}

#[tokio::test]
async fn base_that_can_not_be_looked_at_stops_the_build() {
    let registry = Registry::start().await.expect("a registry");
    let digest = Digest::sha256(b"nothing");
    let (result, _) = prepare(&registry, &format!("FROM HOST/base@{digest}\n"), |_| {}).await;
    assert!(matches!(result, Err(PrepareError::Onbuild(OnbuildError::Registry { .. }))));
}

#[tokio::test]
async fn build_contexts_are_bases_too() {
    let registry = Registry::start().await.expect("a registry");
    registry.put_image("good", "1", &image(&[], "amd64"));
    registry.put_image("bad", "1", &image(&["COPY --from=busybox /a /a"], "amd64"));
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("Dockerfile"), "FROM unsigned\n").expect("a file");
    let with = async |name: &str| {
        let context = format!("unsigned=docker-image://{}/{name}:1", registry.host());
        let change = |flags: &mut BuildFlags| {
            flags.context = dir.path().display().to_string();
            flags.build_contexts = vec![context];
        };
        prepare(&registry, "", change).await.0
    };
    let prepared = with("good").await.expect("a build");
    let file = value(&prepared, "--file").expect("a file");
    assert_eq!(fs::read_to_string(file).expect("text"), "FROM unsigned\n", "the context still replaces it");
    let context = value(&prepared, "--build-context").expect("a context").display().to_string();
    assert!(
        context.ends_with(&format!("good@{}", registry.tagged("good", "1").expect("a tag"))),
        "{context}"
    );
    assert!(matches!(with("bad").await, Err(PrepareError::Onbuild(OnbuildError::Refused(_)))));
}
