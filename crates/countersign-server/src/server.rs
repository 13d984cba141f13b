//! The whole server: everything opened, checked and started, or nothing.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use crate::certificates::CertificateError;
use crate::chain::chain;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, TlsSource};
use crate::files;
use crate::http::{Api, router};
use crate::keys::embedded::EmbeddedSigning;
use crate::keys::{SigningError, SigningService};
use crate::secret::{self, SecretError};
use crate::serve::Listener;
use crate::service::{BATCH, Parts, ServiceError, TrustService};
use crate::storage::sqlite::SqliteStorage;
use crate::storage::{KeyStorage, PendingKeys, StorageError};
use crate::tls;

/// Longest and shortest time between two looks at what wants to be renewed.
const LOOKS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_mins(1));

/// Starts servers.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Starts a server that goes by the system's clock.
    ///
    /// # Errors
    /// [`StartError`]: something cannot be opened or is not right. Nothing listens then.
    pub async fn start(config: Config) -> Result<RunningServer, StartError> {
        Self::start_with_clock(config, Arc::new(SystemClock)).await
    }

    /// Starts a server that goes by `clock`: lifetimes, renewals and expiries follow it, deadlines do not.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_with_clock(
        config: Config,
        clock: Arc<dyn Clock>,
    ) -> Result<RunningServer, StartError> {
        if config.tls == TlsSource::Plaintext && !config.listen.ip().is_loopback() {
            return Err(StartError::Plaintext(config.listen));
        }
        let data = config.data.clone();
        let prepared = spawn_blocking(move || {
            files::make_directory(&data)?;
            files::lock(&data.join("lock"))
        });
        let start = |source| StartError::Data { data: config.data.clone(), source };
        let lock = prepared.await.map_err(|error| start(io::Error::other(error)))?.map_err(start)?;
        let (storage, signing) = open(&config, &clock).await?;
        let tls = tls::acceptor(&config.tls, &config.data, clock.now())?;
        drop(lock);

        let service = Arc::new(TrustService::new(Parts {
            storage: Arc::new(storage.clone()),
            signing,
            clock,
            lifetimes: config.lifetimes,
            part_bytes: config.limits.part_bytes,
        }));
        service.hasten_renewals().await?;
        let listen = |source| StartError::Listen { address: config.listen, source };
        let socket = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = socket.local_addr().map_err(listen)?;
        let api = Api::new(Arc::clone(&service), config.limits, config.caching, config.deadlines.request);
        let listener = Listener {
            socket,
            tls,
            router: router(Arc::new(api)),
            deadlines: config.deadlines,
            connections: config.limits.connections,
        };
        let (stop, stopped) = watch::channel(false);
        let renewing = tokio::spawn(renew(Arc::clone(&service), config.lifetimes.timestamp, stopped.clone()));
        let task = tokio::spawn(async move {
            listener.serve(stopped).await;
            renewing.await.ok();
            storage.close().await;
        });
        info!(%address, "listening on {address}");
        let scheme = if config.tls == TlsSource::Plaintext { "http" } else { "https" };
        let ca_certificate = config.ca_certificate();
        Ok(RunningServer { address, scheme, ca_certificate, service, stop, task })
    }
}

async fn open(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<(SqliteStorage, Arc<dyn SigningService>), StartError> {
    let storage = SqliteStorage::open(&config.database).await?;
    let may_make = storage.any_key().await?.is_none();
    let secret = secret::load(&config.secret, may_make).await?;
    let rows: Arc<dyn KeyStorage> = Arc::new(storage.clone());
    let signing = EmbeddedSigning::new(rows, secret, config.key_algorithm, Arc::clone(clock)).await?;
    let pending = PendingKeys { most: config.limits.pending_keys, ..PendingKeys::default() };
    Ok((storage, Arc::new(signing.with_pending(pending))))
}

/// Renews what is due, again and again, until the server stops.
async fn renew(service: Arc<TrustService>, lifetime: Duration, mut stop: watch::Receiver<bool>) {
    let mut looks = interval((lifetime / 12).clamp(LOOKS.0, LOOKS.1));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        // A full batch may have left some behind.
        while renew_once(&service).await.is_some_and(|looked_at| looked_at >= BATCH as usize)
            && !*stop.borrow()
        {}
    }
}

async fn renew_once(service: &TrustService) -> Option<usize> {
    match service.renew_due().await {
        Ok(looked_at) => Some(looked_at),
        Err(cause) => {
            error!(error = chain(&cause), "timestamps were not renewed");
            None
        }
    }
}

/// A server that is running. Dropped, it stops without waiting for open requests.
pub struct RunningServer {
    address: SocketAddr,
    scheme: &'static str,
    ca_certificate: Option<PathBuf>,
    service: Arc<TrustService>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl RunningServer {
    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL, such as `https://127.0.0.1:4443`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The file with the certificate of its self-made CA; `None` when the operator brought a certificate, or none.
    pub fn ca_certificate(&self) -> Option<&PathBuf> {
        self.ca_certificate.as_ref()
    }

    /// The service behind the routes.
    pub fn service(&self) -> &Arc<TrustService> {
        &self.service
    }

    /// Stops accepting, lets open requests end within the configured time, and returns when all is closed.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        (&mut self.task).await.ok();
    }

    /// Waits for the server to end, which it does only when it is told to.
    pub async fn wait(&mut self) {
        (&mut self.task).await.ok();
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.task.abort();
    }
}

/// A server that was not started. Nothing listens.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The data directory cannot be made or locked.
    #[error("the data directory `{}` cannot be used", data.display())]
    Data {
        /// The directory.
        data: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The database cannot be opened.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The secret that encrypts keys at rest is not there.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The keys in the database cannot be used.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The service cannot begin.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// No TLS on an address that others can reach.
    #[error("{0} is not a loopback address, and without TLS nothing else is served")]
    Plaintext(SocketAddr),
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
}
