//! The accept loop: connections, TLS handshakes, deadlines, and an orderly end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use crate::config::Deadlines;

/// How long a connection may live. A reader that does not read holds one no longer than this and a request's deadline.
const CONNECTION_LIFETIME: Duration = Duration::from_mins(15);
/// How long the loop waits when the system has no more sockets.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// Most header fields, and largest head in bytes, of one request.
const HEADERS: usize = 100;
const HEAD_BYTES: usize = 64 << 10;
/// Most requests at once on one HTTP/2 connection.
const STREAMS: u32 = 64;
/// How much of an upload may be under way on one HTTP/2 stream, in bytes.
const STREAM_WINDOW: u32 = 1 << 20;

/// Everything that the loop needs.
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) router: Router,
    pub(crate) deadlines: Deadlines,
    pub(crate) connections: usize,
}

impl Listener {
    /// Serves until `stop` is true, then lets open requests end, at most as long as the deadline says.
    pub(crate) async fn serve(self, mut stop: watch::Receiver<bool>) {
        let connection = Arc::new(Connection {
            tls: self.tls,
            router: self.router,
            deadlines: self.deadlines,
            stop: stop.clone(),
        });
        let places = Arc::new(Semaphore::new(self.connections));
        let mut open = JoinSet::new();
        loop {
            let accept = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, self.socket.accept().await)
            };
            let (place, accepted) = tokio::select! {
                accepted = accept => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            while open.try_join_next().is_some() {}
            match accepted {
                Ok((stream, peer)) => {
                    let connection = Arc::clone(&connection);
                    open.spawn(async move {
                        connection.serve(stream, peer).await;
                        drop(place);
                    });
                }
                Err(error) => pause(&error).await,
            }
        }
        drop(self.socket);
        let ended = async { while open.join_next().await.is_some() {} };
        if timeout(self.deadlines.shutdown, ended).await.is_err() {
            warn!(open = open.len(), "{} connections were cut at the end", open.len());
        }
        open.shutdown().await;
    }
}

/// What every connection is served with.
struct Connection {
    tls: Option<TlsAcceptor>,
    router: Router,
    deadlines: Deadlines,
    stop: watch::Receiver<bool>,
}

impl Connection {
    async fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        // Without it small answers wait for an acknowledgement; failing to set it harms nobody.
        stream.set_nodelay(true).ok();
        let Some(tls) = &self.tls else { return self.serve_http(stream, peer).await };
        match timeout(self.deadlines.handshake, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.serve_http(stream, peer).await,
            Ok(Err(error)) => debug!(%peer, %error, "no TLS connection with {peer}"),
            Err(_) => debug!(%peer, "{peer} did not end its TLS handshake"),
        }
    }

    async fn serve_http(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
    ) {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.deadlines.header)
            .max_headers(HEADERS)
            .max_buf_size(HEAD_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(4 * STREAM_WINDOW)
            .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
            .keep_alive_interval(self.deadlines.request / 2)
            .keep_alive_timeout(self.deadlines.header);
        let service = TowerToHyperService::new(self.router.clone());
        let served = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(served);
        let mut stop = self.stop.clone();
        let ended = tokio::select! {
            ended = served.as_mut() => Some(ended),
            _ = stop.wait_for(|stop| *stop) => None,
            () = sleep(CONNECTION_LIFETIME) => None,
        };
        let ended = if let Some(ended) = ended {
            ended
        } else {
            served.as_mut().graceful_shutdown();
            match timeout(self.deadlines.request, served).await {
                Ok(ended) => ended,
                Err(_) => return debug!(%peer, "{peer} was cut off"),
            }
        };
        if let Err(error) = ended {
            debug!(%peer, %error, "the connection with {peer} ended early");
        }
    }
}

/// Waits a little when there are no sockets left; other errors are of one connection that is gone already.
async fn pause(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        warn!(%error, "no connection can be accepted: {error}");
        sleep(EXHAUSTED).await;
    }
}
