//! Who may: challenges, tokens, and requests that carry them. For registries and trust servers alike.
//!
//! A [`Session`] belongs to one host. It learns from the host's own challenge what the host wants, gets it, and repeats the
//! request once. Credentials go only over TLS (this machine excepted), only to the host itself and to realms that
//! [`Realms`] allows, and nowhere else: no redirect is followed.
//!
//! Source: distribution `docs/spec/auth/token.md`; RFC 9110 §11.

mod challenge;
mod error;
mod login;
mod realm;
mod scope;
mod session;
mod token;

pub use challenge::{Challenge, parse_challenges};
pub use error::AuthError;
pub use login::login;
pub use realm::Realms;
pub use scope::Scope;
pub use session::{Session, SessionParts};
pub use token::Tokens;
