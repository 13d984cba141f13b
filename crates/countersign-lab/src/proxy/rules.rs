//! What a proxy does with which request.

use axum::extract::Request;
use http::Method;

use crate::fault::Fault;
use crate::proxy::path::TrustFile;

/// What may be asked of a trust server, as far as it matters for misbehaving.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum At {
    /// Whatever is asked.
    Everything,
    /// `/v2/`.
    Ping,
    /// Metadata files, of any collection.
    Files,
    /// Files of this role, however they are named: `targets/releases`.
    Role(String),
    /// The file of this name: `timestamp.json`, `2.root.json`.
    File(String),
    /// Uploads.
    Uploads,
    /// The keys that the server holds.
    Keys,
}

impl At {
    fn covers(&self, request: &Request, file: Option<&TrustFile>) -> bool {
        let path = request.uri().path();
        match self {
            Self::Everything => true,
            Self::Ping => path == "/v2/",
            Self::Files => file.is_some(),
            Self::Role(role) => file.is_some_and(|file| file.role() == role),
            Self::File(name) => file.is_some_and(|file| file.file == *name),
            Self::Uploads => *request.method() == Method::POST && path.ends_with("/_trust/tuf/"),
            Self::Keys => path.contains("/_trust/tuf/") && path.strip_suffix(".key").is_some(),
        }
    }
}

/// What to do instead of forwarding.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Answer with what was remembered under this name.
    Replay(String),
    /// Answer badly.
    Fail(Fault),
}

/// All that a proxy was told to do. The last rule that covers a request counts.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<(At, Act)>);

impl Rules {
    pub(super) fn add(&mut self, at: At, act: Act) {
        self.0.push((at, act));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn act(&self, request: &Request, file: Option<&TrustFile>) -> Option<Act> {
        self.0.iter().rev().find(|(at, _)| at.covers(request, file)).map(|(_, act)| act.clone())
    }
}
