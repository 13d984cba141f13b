//! Manifests and indexes: fetching, putting and deleting, by tag or by digest.

use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::Response;
use countersign_core::digest::{Algorithm, Digest};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{Method, StatusCode};
use serde_json::Value;

use crate::image::Content;
use crate::registry::blobs::{content_answer, status};
use crate::registry::error::RegistryError;
use crate::registry::route::Reference;
use crate::registry::store::Store;
use crate::registry::uploads::insert;
use crate::registry::{Inner, text};

pub(super) async fn answer(
    inner: &Inner,
    name: &str,
    reference: Reference,
    request: Request,
) -> Result<Response, RegistryError> {
    match *request.method() {
        Method::GET | Method::HEAD => fetch(inner, name, &reference),
        Method::PUT => put(inner, name, reference, request).await,
        Method::DELETE => delete(inner, name, &reference),
        _ => Err(RegistryError::MethodNotAllowed),
    }
}

fn fetch(inner: &Inner, name: &str, reference: &Reference) -> Result<Response, RegistryError> {
    let store = inner.store();
    if !store.knows(name) {
        return Err(RegistryError::NameUnknown);
    }
    let digest = match reference {
        Reference::Digest(digest) => *digest,
        Reference::Tag(tag) => store.tagged(name, tag).ok_or(RegistryError::ManifestUnknown)?,
    };
    let manifest = store.manifest(name, digest).ok_or(RegistryError::ManifestUnknown)?;
    Ok(content_answer(&manifest))
}

/// Source: OCI distribution specification, "Pushing Manifests".
async fn put(
    inner: &Inner,
    name: &str,
    reference: Reference,
    request: Request,
) -> Result<Response, RegistryError> {
    let media_type = text(request.headers(), &CONTENT_TYPE).map(str::to_owned);
    let bytes = to_bytes(request.into_body(), inner.limits.manifest_bytes)
        .await
        .map_err(|_| RegistryError::TooLarge)?;
    let manifest: Value = serde_json::from_slice(&bytes)
        .map_err(|_| RegistryError::ManifestInvalid("the manifest is not JSON"))?;
    let named = manifest["mediaType"].as_str();
    let media_type = match (media_type, named) {
        (Some(sent), Some(named)) if sent != named => {
            return Err(RegistryError::ManifestInvalid("Content-Type and mediaType differ"));
        }
        (Some(sent), _) => sent,
        (None, Some(named)) => named.to_owned(),
        (None, None) => return Err(RegistryError::ManifestInvalid("the manifest has no media type")),
    };
    let algorithm = match &reference {
        Reference::Digest(digest) => digest.algorithm(),
        Reference::Tag(_) => Algorithm::Sha256,
    };
    let digest = Digest::of(algorithm, &bytes);
    if matches!(&reference, Reference::Digest(named) if *named != digest) {
        return Err(RegistryError::DigestInvalid);
    }
    let mut store = inner.store();
    all_there(&store, name, &manifest)?;
    store.put_manifest(name, Content { media_type, digest, bytes });
    if let Reference::Tag(tag) = &reference {
        store.tag(name, tag, digest);
    }
    let mut response = status(StatusCode::CREATED);
    insert(&mut response, "docker-content-digest", &digest.to_string());
    insert(&mut response, LOCATION.as_str(), &format!("/v2/{name}/manifests/{reference}"));
    if let Some(subject) = manifest["subject"]["digest"].as_str() {
        insert(&mut response, "oci-subject", subject);
    }
    Ok(response)
}

/// Whether all that a manifest names is in its repository; a `subject` may come later.
fn all_there(store: &Store, name: &str, manifest: &Value) -> Result<(), RegistryError> {
    let list = |member: &str| manifest[member].as_array().cloned().unwrap_or_default();
    let config = manifest.get("config").cloned();
    for blob in list("layers").into_iter().chain(config) {
        // Foreign layers are elsewhere.
        if blob.get("urls").is_none() {
            let digest = named_digest(&blob)?;
            store.blob(name, digest).ok_or_else(|| RegistryError::ManifestBlobUnknown(digest.to_string()))?;
        }
    }
    for entry in list("manifests") {
        let digest = named_digest(&entry)?;
        store.manifest(name, digest).ok_or_else(|| RegistryError::ManifestBlobUnknown(digest.to_string()))?;
    }
    Ok(())
}

fn named_digest(descriptor: &Value) -> Result<Digest, RegistryError> {
    descriptor["digest"]
        .as_str()
        .and_then(|digest| digest.parse().ok())
        .ok_or(RegistryError::ManifestInvalid("a descriptor has no digest"))
}

/// Source: OCI distribution specification, "Deleting tags", "Deleting Manifests".
fn delete(inner: &Inner, name: &str, reference: &Reference) -> Result<Response, RegistryError> {
    let mut store = inner.store();
    let was_there = match reference {
        Reference::Tag(tag) => store.untag(name, tag),
        Reference::Digest(digest) => store.delete_manifest(name, *digest),
    };
    if was_there { Ok(status(StatusCode::ACCEPTED)) } else { Err(RegistryError::ManifestUnknown) }
}
