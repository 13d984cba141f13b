//! The one HTTP stack, for registries and trust servers.
//!
//! It owns connections, TLS, proxies, deadlines and bounds. It follows no redirect, asks for no compression and knows no
//! credentials: [`crate::auth`] adds those.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use countersign_registry::http::{HttpClient, HttpConfig, Request};
//! let client = HttpClient::new(HttpConfig::default());
//! let response = client.send(Request::get("https://registry.example/v2/".parse()?)).await?;
//! let body = response.read_bounded(64 << 10).await?;
//! # drop(body);
//! # Ok(())
//! # }
//! ```

mod client;
mod config;
mod connect;
mod dial;
mod error;
mod gate;
mod host_files;
mod identity;
mod origin;
mod proxy;
mod request;
mod response;
mod roots;
mod stream;
mod tls;
mod verify;

pub use client::HttpClient;
pub use config::HttpConfig;
pub use dial::{Dial, Dialer};
pub use error::{HttpError, Phase, TlsFault};
pub use host_files::HostFilesError;
pub use identity::{ClientIdentity, read_authorities};
pub use origin::{is_loopback, origin};
pub use proxy::{Proxies, ProxyError, ProxyFault};
pub use request::{Request, RequestBody};
pub use response::Response;
pub use roots::SystemRoots;
pub use stream::{BoxDuplex, Duplex};
