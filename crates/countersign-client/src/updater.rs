//! Bringing a collection up to date.
//!
//! The updater fetches as few files in as few rounds as the format allows, has the core check each before the next one
//! is looked at, and stores what was trusted once all of it is. A first update asks for everything at once; one with
//! nothing new makes a single conditional request.
//!
//! ```no_run
//! # async fn example(remote: std::sync::Arc<dyn countersign_client::remote::Remote>,
//! #     start: countersign_core::time::UpdateStart) -> Result<(), Box<dyn std::error::Error>> {
//! use countersign_client::cache_dir::DirectoryCache;
//! use countersign_client::lookup::resolve_tag;
//! use countersign_client::updater::{Releases, Roles, Updater, UpdateSettings};
//! use std::sync::Arc;
//! let settings = UpdateSettings::new("docker.io/library/alpine".parse()?);
//! let updater = Updater::new(remote, Arc::new(DirectoryCache::new("/home/me/.docker/trust")), settings);
//! let refreshed = updater.refresh(start, Roles::Pull).await?;
//! let target = resolve_tag(&refreshed.collection, &"latest".to_owned().into(), Releases::Required)?;
//! # let _ = target; Ok(()) }
//! ```
//!
//! Source: TUF 1.0.34 §5; notary `client/tufclient.go`, reference behaviour 6.2 to 6.4.

mod delegations;
mod demands;
mod error;
mod first_round;
mod roots;
mod run;
mod verify;
mod warning;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use countersign_core::limits::Limits;
use countersign_core::name::{Gun, RoleName};
use countersign_core::time::{DateTime, UpdateStart};
use countersign_core::trust::{Environment, TrustPinning, TrustedCollection};

pub use demands::{Demands, FirstUse};
pub use error::{DelegationFault, UpdateError};
pub use warning::{Skipped, Warning};

use crate::cache::{Cache, Stored};
use crate::remote::{FetchError, Remote};
use crate::why::Trace;
use run::Run;

/// How often an update begins again because another process stored one in the meantime.
const ATTEMPTS: usize = 4;

/// Brings one collection up to date.
#[derive(Clone)]
pub struct Updater {
    remote: Arc<dyn Remote>,
    cache: Arc<dyn Cache>,
    settings: UpdateSettings,
}

/// What an update is held against, and what it may fall back on.
#[derive(Clone, Debug)]
pub struct UpdateSettings {
    /// The collection.
    pub gun: Gun,
    /// How its root is pinned.
    pub pinning: TrustPinning,
    /// Bounds on sizes and counts.
    pub limits: Limits,
    /// What is done when the server cannot be reached.
    pub offline: OfflineUse,
    /// What is done when `targets/releases` is delegated and cannot be used.
    pub releases: Releases,
    /// What is asked for beyond what TUF asks for.
    pub demands: Demands,
}

/// What is done when the server cannot be reached, or answers with a status of 500 and above.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OfflineUse {
    /// A cached timestamp that has not expired is used.
    #[default]
    Allowed,
    /// The update fails.
    Forbidden,
}

/// What is done when `targets/releases` is delegated and cannot be used.
///
/// Deviation: Docker falls back in silence (reference behaviour 4.1); test `releases_that_cannot_be_used_is_an_error`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Releases {
    /// The update fails.
    #[default]
    Required,
    /// `targets` alone is used, and a warning says so.
    MayFallBack,
}

/// Which targets files an update loads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Roles {
    /// `targets` and, if it is delegated, `targets/releases`: what Docker looks at. With them the roles that
    /// [`Demands::signed_by`] names.
    Pull,
    /// Every delegation. One that cannot be used is left out with all below it, and named in [`Refreshed::skipped`].
    All,
    /// Every delegation, to write the next edition: what only lacks a renewal (targets, snapshot or a delegation that
    /// expired) is loaded all the same.
    Publish,
}

/// A collection that is up to date.
#[derive(Debug)]
pub struct Refreshed {
    /// The collection.
    pub collection: TrustedCollection,
    /// How current it is.
    pub freshness: Freshness,
    /// Whether this was the first time that the collection was met, so that its root was taken on trust or by a pin.
    pub first_use: bool,
    /// Delegations that could not be used, with [`Roles::All`] and [`Roles::Publish`].
    pub skipped: Vec<Skipped>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// How current a collection is.
#[derive(Debug)]
pub enum Freshness {
    /// The server confirmed it.
    Online,
    /// The server could not be asked.
    Offline {
        /// When a server last confirmed it; absent if another program stored it.
        confirmed: Option<DateTime>,
        /// Why the server could not be asked.
        reason: FetchError,
    },
}

impl UpdateSettings {
    /// Trust on first use, default limits, offline use allowed, `targets/releases` required, nothing demanded beyond that.
    pub fn new(gun: Gun) -> Self {
        Self {
            gun,
            pinning: TrustPinning::default(),
            limits: Limits::default(),
            offline: OfflineUse::default(),
            releases: Releases::default(),
            demands: Demands::default(),
        }
    }

    /// What an update that begins at `start` is held against. Whoever writes the next edition sees what is, whoever signed it.
    pub(crate) fn environment(&self, start: UpdateStart, roles: Roles) -> Environment {
        let signed_by = if roles == Roles::Publish { Vec::new() } else { self.demands.signed_by.clone() };
        Environment::notary(self.gun.clone(), self.pinning.clone(), self.limits.clone(), start)
            .with_signed_by(signed_by)
    }
}

impl Updater {
    /// An updater of the collection in `settings`; `remote` is that collection's.
    pub fn new(remote: Arc<dyn Remote>, cache: Arc<dyn Cache>, settings: UpdateSettings) -> Self {
        Self { remote, cache, settings }
    }

    /// The collection and how it is updated.
    pub fn settings(&self) -> &UpdateSettings {
        &self.settings
    }

    /// The trust server.
    pub fn remote(&self) -> &Arc<dyn Remote> {
        &self.remote
    }

    /// The cache.
    pub fn cache(&self) -> &Arc<dyn Cache> {
        &self.cache
    }

    /// Brings the collection up to date and stores it. Nothing is stored unless every check was met.
    ///
    /// # Errors
    /// [`UpdateError`]; [`UpdateError::is_untrusted`] tells "checked, and bad" from "could not check".
    pub async fn refresh(&self, start: UpdateStart, roles: Roles) -> Result<Refreshed, UpdateError> {
        self.refresh_traced(start, roles, &BTreeMap::new(), &mut Trace::default()).await
    }

    /// As [`Updater::refresh`], with files that the server has just been given, so that they need not be fetched.
    pub(crate) async fn refresh_knowing(
        &self,
        start: UpdateStart,
        roles: Roles,
        known: &BTreeMap<RoleName, Bytes>,
    ) -> Result<Refreshed, UpdateError> {
        self.refresh_traced(start, roles, known, &mut Trace::default()).await
    }

    /// As [`Updater::refresh`], recording each file that was accepted on the way.
    pub(crate) async fn refresh_traced(
        &self,
        start: UpdateStart,
        roles: Roles,
        known: &BTreeMap<RoleName, Bytes>,
        trace: &mut Trace,
    ) -> Result<Refreshed, UpdateError> {
        let environment = Arc::new(self.settings.environment(start, roles));
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let mut run = Run::load(self, &environment, roles, known).await?;
            let outcome = run.update().await;
            std::mem::swap(trace, &mut run.trace);
            let collection = outcome?;
            run.hold_against_demands(&collection)?;
            let stored = if run.is_online() {
                self.cache.store(&self.settings.gun, run.cache_update(&collection)).await?
            } else {
                Stored::Done
            };
            let refreshed = run.finish(collection);
            match stored {
                Stored::Done => return Ok(refreshed),
                Stored::Overtaken => last = Some(refreshed),
            }
        }
        // Others stored newer outcomes all the time. This one was checked as well, and theirs are at least as new.
        last.ok_or(UpdateError::Overtaken)
    }
}

impl fmt::Debug for Updater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Updater").field("settings", &self.settings).finish_non_exhaustive()
    }
}
