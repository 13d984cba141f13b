//! Manifests: asked for by digest, bounded, compared with it.

use countersign_core::digest::Digest;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};

use super::Repository;
use super::answer::verify_stored;
use super::error::{Action, Part, RegistryError};
use crate::descriptor::media_type::MANIFESTS;
use crate::http::{Request, Response, origin};
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest};

impl Repository {
    /// The manifest or index of this digest.
    ///
    /// # Errors
    /// - [`RegistryError::NotFound`], [`RegistryError::Denied`]: the registry says so.
    /// - [`RegistryError::Digest`]: it sent something else.
    /// - [`RegistryError::Manifest`]: it is no manifest to rely on.
    ///
    /// Source: OCI distribution, "Pulling manifests".
    pub async fn manifest(&self, digest: &Digest) -> Result<Manifest, RegistryError> {
        let part = Part::Manifest(*digest);
        let response = self.ask_manifest(Method::GET, &digest.to_string(), &part).await?;
        self.read_manifest(response, part, Some(digest)).await
    }

    /// Whatever manifest or index a tag names at the moment, as the registry says. **Nothing vouches for it.**
    ///
    /// For tools that show what a registry serves. A pull never uses it.
    pub async fn manifest_by_untrusted_tag(&self, tag: &str) -> Result<Manifest, RegistryError> {
        let part = Part::Tag(tag.to_owned());
        let response = self.ask_manifest(Method::GET, tag, &part).await?;
        self.read_manifest(response, part, None).await
    }

    /// Whether the registry says that it has this manifest.
    pub async fn has_manifest(&self, digest: &Digest) -> Result<bool, RegistryError> {
        let part = Part::Manifest(*digest);
        match self.ask_manifest(Method::HEAD, &digest.to_string(), &part).await {
            Ok(_) => Ok(true),
            Err(RegistryError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Stores a manifest under a tag, or with `None` under its digest only.
    ///
    /// # Errors
    /// [`RegistryError::Protocol`] if the registry says that it stored another digest; otherwise as for reading.
    ///
    /// Source: OCI distribution, "Pushing Manifests".
    pub async fn put_manifest(&self, tag: Option<&str>, manifest: &Manifest) -> Result<(), RegistryError> {
        let digest = manifest.digest();
        let part = tag.map_or(Part::Manifest(digest), |tag| Part::Tag(tag.to_owned()));
        let name = tag.map_or_else(|| digest.to_string(), str::to_owned);
        let (session, url) = self.locate(&format!("manifests/{name}")).await?;
        let kind = HeaderValue::from_str(manifest.media_type()).map_err(|_| RegistryError::Protocol {
            host: origin(&url),
            part: part.clone(),
            what: "its media type can't be sent",
        })?;
        let request =
            Request::new(Method::PUT, url).header(CONTENT_TYPE, kind).body(manifest.bytes().clone());
        let response = session.send(request, &self.scopes(Action::Push)).await?;
        if !matches!(response.status(), StatusCode::CREATED | StatusCode::OK | StatusCode::ACCEPTED) {
            return Err(self.refusal(response, Action::Push, part).await);
        }
        verify_stored(&response, &digest, &part)?;
        response.read_prefix(1 << 10).await;
        Ok(())
    }

    async fn ask_manifest(&self, method: Method, name: &str, part: &Part) -> Result<Response, RegistryError> {
        let (session, url) = self.locate(&format!("manifests/{name}")).await?;
        let accept = HeaderValue::from_str(&MANIFESTS.join(", ")).unwrap_or(HeaderValue::from_static("*/*"));
        let request = Request::new(method, url).header(ACCEPT, accept);
        let response = session.send(request, &self.scopes(Action::Pull)).await?;
        match response.status() {
            StatusCode::OK => Ok(response),
            _ => Err(self.refusal(response, Action::Pull, part.clone()).await),
        }
    }

    async fn read_manifest(
        &self,
        response: Response,
        part: Part,
        expected: Option<&Digest>,
    ) -> Result<Manifest, RegistryError> {
        let host = origin(response.url());
        let kind = response.media_type().unwrap_or_default().to_owned();
        let bytes = response.read_bounded(MAX_MANIFEST_BYTES).await.map_err(crate::auth::AuthError::from)?;
        if let Some(expected) = expected {
            let found = Digest::of(expected.algorithm(), &bytes);
            if found != *expected {
                return Err(RegistryError::Digest { host, part, found: Box::new(found) });
            }
        }
        Manifest::parse(&kind, bytes).map_err(|source| RegistryError::Manifest { host, part, source })
    }
}
