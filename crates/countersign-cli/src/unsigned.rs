//! What nobody ever signed, where a policy lets it be pulled all the same; and where images are pulled from.

use countersign_core::digest::Digest;
use countersign_core::name::Gun;
use countersign_engine::Pinned;
use countersign_registry::reference::{DEFAULT_TAG, ImageReference};

use crate::app::App;
use crate::policy::{Decision, Trust};
use crate::refusal::{self, Refusal};

/// What decides over a repository that nobody ever signed, if `refusal` says that it is one and a policy has `trust = "optional"`;
/// else `refusal` again.
///
/// Trust data that was there before, that is there and bad, that could not be asked for, or that a pin promises, is refused as
/// ever, and so is an unsigned tag among signed ones.
pub(crate) fn admit(refusal: anyhow::Error, image: &ImageReference, app: &App) -> anyhow::Result<Decision> {
    let decision = app.context().policy().decide(&image.gun());
    let was_never_signed =
        matches!(refusal.downcast_ref(), Some(Refusal::NoTrustData { trusted_before: false, .. }));
    if !was_never_signed || decision.trust.value != Trust::Optional || decision.is_known_to_be_signed() {
        return Err(refusal);
    }
    Ok(decision)
}

/// The image that a tag names by the registry's word alone, in a repository that [`admit`] let through. A reference's own digest
/// needs no word of the registry.
pub(crate) async fn digest(decision: &Decision, image: &ImageReference, app: &App) -> anyhow::Result<Digest> {
    let digest = if let Some(digest) = image.digest() { *digest } else { by_registry(image, app).await? };
    app.printer().warn(format_args!(
        "`{}` is NOT signed, and is pulled without trust because {} says that trust is optional; the registry says that it is {digest}",
        image.familiar(),
        decision.trust.by,
    ));
    Ok(digest)
}

/// What a tag names by the registry's word alone. Whoever asks for it has to say so.
pub(crate) async fn by_registry(image: &ImageReference, app: &App) -> anyhow::Result<Digest> {
    let place = place(image, app)?;
    let repository = app.registry(place.domain())?.repository(place.path());
    Ok(repository.manifest_by_untrusted_tag(image.tag().unwrap_or(DEFAULT_TAG)).await?.digest())
}

/// Refuses an image that a policy refuses, however it is named.
///
/// # Errors
/// [`Refusal::ByPolicy`].
pub(crate) fn admit_name(image: &ImageReference, app: &App) -> Result<(), Refusal> {
    refusal::by_policy(&app.context().policy().decide(&image.gun()))
}

/// The repository that the images of `image`'s are pulled from: its own, or that of a mirror.
///
/// # Errors
/// [`Refusal::ByPolicy`], [`Refusal::Mirror`].
pub(crate) fn place(image: &ImageReference, app: &App) -> Result<ImageReference, Refusal> {
    let gun: Gun = image.gun();
    let decision = app.context().policy().decide(&gun);
    refusal::by_policy(&decision)?;
    match decision.mirror {
        Some(mirror) => mirror.value.of(&gun).map_err(|name| Refusal::Mirror { name, by: mirror.by.clone() }),
        None => Ok(image.without_suffix()),
    }
}

/// The image with this digest, at the place that it is pulled from.
///
/// # Errors
/// As [`place`].
pub(crate) fn pinned(image: &ImageReference, digest: Digest, app: &App) -> Result<Pinned, Refusal> {
    Ok(Pinned::new(&place(image, app)?, digest))
}
