//! Lists: repositories, tags, and what refers to a manifest.

use axum::extract::Request;
use axum::response::Response;
use countersign_core::digest::Digest;
use http::header::{CONTENT_TYPE, LINK};
use http::{HeaderValue, Method};
use serde_json::{Value, json};

use crate::registry::Inner;
use crate::registry::error::RegistryError;
use crate::registry::query::Parameters;
use crate::registry::uploads::insert;

/// Source: Docker Registry HTTP API V2, "Listing Repositories".
pub(super) fn catalog(inner: &Inner, request: &Request) -> Result<Response, RegistryError> {
    let names = inner.store().names();
    page(inner, request, names, |page| json!({ "repositories": page }))
}

/// Source: OCI distribution specification, "Listing Tags".
pub(super) fn tags(inner: &Inner, name: &str, request: &Request) -> Result<Response, RegistryError> {
    let tags = inner.store().tags(name).ok_or(RegistryError::NameUnknown)?;
    page(inner, request, tags, |page| json!({ "name": name, "tags": page }))
}

/// Source: OCI distribution specification, "Listing Referrers".
pub(super) fn referrers(
    inner: &Inner,
    name: &str,
    digest: Digest,
    request: &Request,
) -> Result<Response, RegistryError> {
    reading(request)?;
    let query = Parameters::of(request);
    let wanted = query.one("artifactType");
    let mut entries = Vec::new();
    for content in inner.store().manifests(name) {
        let Ok(manifest) = serde_json::from_slice::<Value>(&content.bytes) else { continue };
        if manifest["subject"]["digest"].as_str() != Some(&digest.to_string()) {
            continue;
        }
        let kind = manifest["artifactType"].as_str().or(manifest["config"]["mediaType"].as_str());
        if wanted.is_some() && wanted != kind {
            continue;
        }
        let mut entry = content.descriptor();
        entry["artifactType"] = json!(kind);
        if let Some(annotations) = manifest.get("annotations") {
            entry["annotations"] = annotations.clone();
        }
        entries.push(entry);
    }
    let index = "application/vnd.oci.image.index.v1+json";
    let body = json!({ "schemaVersion": 2, "mediaType": index, "manifests": entries });
    let mut response = Response::new(body.to_string().into());
    insert(&mut response, CONTENT_TYPE.as_str(), index);
    if wanted.is_some() {
        insert(&mut response, "oci-filters-applied", "artifactType");
    }
    Ok(response)
}

/// The page of `entries`, which are sorted, that `n` and `last` ask for; and where the next one is.
fn page(
    inner: &Inner,
    request: &Request,
    entries: Vec<String>,
    body: impl FnOnce(&[String]) -> Value,
) -> Result<Response, RegistryError> {
    reading(request)?;
    let query = Parameters::of(request);
    let count =
        query.one("n").and_then(|n| n.parse().ok()).unwrap_or(inner.limits.page).min(inner.limits.page);
    let last = query.one("last").unwrap_or_default();
    let mut page: Vec<String> = entries.into_iter().filter(|entry| entry.as_str() > last).collect();
    let has_more = page.len() > count;
    page.truncate(count);
    let mut response = Response::new(body(&page).to_string().into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let (true, Some(last)) = (has_more, page.last()) {
        let next = format!("<{}?n={count}&last={last}>; rel=\"next\"", request.uri().path());
        insert(&mut response, LINK.as_str(), &next);
    }
    Ok(response)
}

fn reading(request: &Request) -> Result<(), RegistryError> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        Ok(())
    } else {
        Err(RegistryError::MethodNotAllowed)
    }
}
