//! Making connections: the name, the proxy, TCP and TLS, each with its deadline.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower::{Service, service_fn};

use super::config::HttpConfig;
use super::dial::Dialer;
use super::error::{HttpError, Phase, TlsFault, copied, find};
use super::origin::is_localhost;
use super::proxy::{Proxies, ProxyFault};
use super::stream::{BoxDuplex, HttpStream};
use super::tls::TlsConfigs;

/// Makes connections for the pool.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector<Resolver>,
    tls: Arc<TlsConfigs>,
    proxies: Proxies,
    dialer: Option<Dialer>,
    connect_timeout: Duration,
    handshake_timeout: Duration,
}

impl Connector {
    pub(super) fn new(config: &HttpConfig) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        Self {
            tcp,
            tls: Arc::new(TlsConfigs::new(config)),
            proxies: config.proxies.clone(),
            dialer: config.dialer.clone(),
            connect_timeout: config.connect_timeout,
            handshake_timeout: config.handshake_timeout,
        }
    }

    async fn connect(self, uri: Uri) -> Result<HttpStream, HttpError> {
        let host = host_of(&uri);
        if let Some(dialer) = &self.dialer {
            return self.dial(dialer, host).await;
        }
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        let proxy = self.proxies.route(&uri);
        let is_proxied = proxy.is_some();
        let reach = async {
            match proxy {
                None => self.reach(&uri).await.map_err(|fault| fault.named(host.clone())),
                Some(proxy) => self.reach_through(&proxy, &uri, secure, &host).await,
            }
        };
        let after = self.connect_timeout;
        let late = |_| HttpError::Timeout { host: host.clone(), phase: Phase::Connect, after };
        // What TLS needs is read while the network is waited for; if that fails, the handshake says so.
        let prepare = async {
            if secure {
                drop(self.tls.of(&host).await);
            }
        };
        let (io, ()) = tokio::join!(timeout(after, reach), prepare);
        let io = io.map_err(late)??;
        if secure { self.secure(io, &uri, &host).await } else { Ok(HttpStream::new(io, false, is_proxied)) }
    }

    async fn dial(&self, dialer: &Dialer, host: String) -> Result<HttpStream, HttpError> {
        let after = self.connect_timeout;
        match timeout(after, dialer.dial()).await {
            Err(_) => Err(HttpError::Timeout { host, phase: Phase::Connect, after }),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                Err(HttpError::Refused { host })
            }
            Ok(Err(source)) => Err(HttpError::Unreachable { host, source }),
            Ok(Ok(io)) => Ok(HttpStream::new(io, false, false)),
        }
    }

    async fn reach(&self, uri: &Uri) -> Result<BoxDuplex, NetFault> {
        let mut tcp = self.tcp.clone();
        match tcp.call(uri.clone()).await {
            Ok(stream) => Ok(Box::new(stream.into_inner())),
            Err(error) => Err(NetFault::of(&error)),
        }
    }

    async fn reach_through(
        &self,
        proxy: &Intercept,
        uri: &Uri,
        secure: bool,
        host: &str,
    ) -> Result<BoxDuplex, HttpError> {
        let name = host_of(proxy.uri());
        let failed = |fault| HttpError::Proxy { host: host.to_owned(), proxy: name.clone(), fault };
        let first_hop = |proxy_uri: Uri| async move {
            let io = self.reach(&proxy_uri).await.map_err(|fault| failed(fault.of_proxy()))?;
            if proxy_uri.scheme() == Some(&Scheme::HTTPS) {
                let (stream, _) = self.handshake(io, &proxy_uri, &host_of(&proxy_uri)).await?;
                return Ok(stream);
            }
            Ok(io)
        };
        if !secure {
            return first_hop(proxy.uri().clone()).await;
        }
        let io = first_hop(proxy.uri().clone()).await?;
        let mut once = Some(TokioIo::new(io));
        let ready = service_fn(move |_: Uri| {
            let io = once.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
            async move { io }
        });
        let mut tunnel = Tunnel::new(proxy.uri().clone(), ready);
        if let Some(auth) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(auth.clone());
        }
        match tunnel.call(uri.clone()).await {
            Ok(io) => Ok(io.into_inner()),
            // The tunnel's error type can't be named; its text is all that tells 407 apart.
            Err(error) if error.to_string().contains("authorization required") => {
                Err(failed(ProxyFault::Unauthorized))
            }
            Err(_) => Err(failed(ProxyFault::Refused)),
        }
    }

    async fn secure(&self, io: BoxDuplex, uri: &Uri, host: &str) -> Result<HttpStream, HttpError> {
        let (stream, is_h2) = self.handshake(io, uri, host).await?;
        Ok(HttpStream::new(stream, is_h2, false))
    }

    async fn handshake(&self, io: BoxDuplex, uri: &Uri, host: &str) -> Result<(BoxDuplex, bool), HttpError> {
        let config = self.tls.of(host).await?;
        let bare = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let name =
            ServerName::try_from(bare.to_owned()).map_err(|_| HttpError::Url { url: host.to_owned() })?;
        let after = self.handshake_timeout;
        let late = |_| HttpError::Timeout { host: host.to_owned(), phase: Phase::Handshake, after };
        let handshake = TlsConnector::from(config).connect(name, io);
        let stream = timeout(after, handshake).await.map_err(late)?.map_err(|error| {
            match find::<rustls::Error>(&error) {
                Some(error) => HttpError::Tls { host: host.to_owned(), fault: TlsFault::from(error) },
                None => HttpError::Reset { host: host.to_owned() },
            }
        })?;
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((Box::new(stream), is_h2))
    }
}

impl Service<Uri> for Connector {
    type Response = HttpStream;
    type Error = Shuttle;
    type Future = Pin<Box<dyn Future<Output = Result<HttpStream, Shuttle>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Shuttle>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(uri).await.map_err(Shuttle::new) })
    }
}

/// Carries our error through the pool, which only lends out the errors that it wraps.
#[derive(Debug)]
pub(super) struct Shuttle(Mutex<Option<HttpError>>);

impl Shuttle {
    fn new(error: HttpError) -> Self {
        Self(Mutex::new(Some(error)))
    }

    /// The error, once.
    pub(super) fn take(&self) -> Option<HttpError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Display for Shuttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no connection")
    }
}

impl StdError for Shuttle {}

/// Host and port of a URI, the port only if it isn't the scheme's own.
pub(super) fn host_of(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    let own = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    match uri.port_u16() {
        Some(port) if port != own => format!("{host}:{port}"),
        _ => host.to_owned(),
    }
}

/// Why TCP did not come about, before it is known whose fault that is.
enum NetFault {
    Dns(io::Error),
    Refused,
    Other(io::Error),
}

impl NetFault {
    fn of(error: &(dyn StdError + 'static)) -> Self {
        if let Some(DnsError(source)) = find::<DnsError>(error) {
            return Self::Dns(copied(source));
        }
        match find::<io::Error>(error) {
            Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => Self::Refused,
            Some(error) => Self::Other(copied(error)),
            None => Self::Other(io::Error::other(error.to_string())),
        }
    }

    fn named(self, host: String) -> HttpError {
        match self {
            Self::Dns(source) => HttpError::Dns { host, source },
            Self::Refused => HttpError::Refused { host },
            Self::Other(source) => HttpError::Unreachable { host, source },
        }
    }

    fn of_proxy(self) -> ProxyFault {
        ProxyFault::Unreachable(match self {
            Self::Dns(error) | Self::Other(error) => error,
            Self::Refused => io::Error::from(io::ErrorKind::ConnectionRefused),
        })
    }
}

/// Looks names up with the system's resolver, and `localhost` nowhere.
#[derive(Clone)]
struct Resolver;

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = DnsError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DnsError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DnsError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move {
            if is_localhost(name.as_str()) {
                let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
                return Ok(loopback.map(|address| SocketAddr::new(address, 0)).to_vec().into_iter());
            }
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(DnsError)?;
            Ok(found.collect::<Vec<_>>().into_iter())
        })
    }
}

/// What the name service said.
#[derive(Debug)]
struct DnsError(io::Error);

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for DnsError {}
