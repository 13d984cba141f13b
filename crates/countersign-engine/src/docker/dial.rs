//! Ways to a daemon that are not TCP: its socket, and `ssh`.
//!
//! Source: docker/cli `cli/connhelper/connhelper.go`.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use countersign_registry::http::{BoxDuplex, Dial};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::endpoint::Ssh;
use crate::text::printable;

/// Most of what `ssh` says that is kept, in bytes.
const SAID_BYTES: usize = 4 << 10;

/// Connects to a socket in the file system.
pub(super) struct UnixDial(pub(super) PathBuf);

#[async_trait]
impl Dial for UnixDial {
    async fn dial(&self) -> io::Result<BoxDuplex> {
        Ok(Box::new(UnixStream::connect(&self.0).await?))
    }
}

/// Runs `ssh` for each connection.
pub(super) struct SshDial {
    target: Ssh,
    said: Mutex<Option<JoinHandle<String>>>,
}

impl SshDial {
    pub(super) fn new(target: Ssh) -> Self {
        Self { target, said: Mutex::default() }
    }

    /// The words after `ssh`. The words after `--` are the host, and what runs there.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut words = ["-o", "ConnectTimeout=30", "-T"].map(str::to_owned).to_vec();
        if let Some(user) = &self.target.user {
            words.extend(["-l".to_owned(), user.clone()]);
        }
        if let Some(port) = self.target.port {
            words.extend(["-p".to_owned(), port.to_string()]);
        }
        words.extend(["--", &self.target.host, "docker"].map(str::to_owned));
        if let Some(socket) = &self.target.socket {
            words.extend(["--host".to_owned(), format!("unix://{socket}")]);
        }
        words.extend(["system", "dial-stdio"].map(str::to_owned));
        words
    }

    /// What the last `ssh` complained about, once it has ended.
    pub(super) async fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(said) = said else { return String::new() };
        let said = timeout(Duration::from_secs(1), said).await;
        said.ok().and_then(Result::ok).unwrap_or_default()
    }
}

#[async_trait]
impl Dial for SshDial {
    async fn dial(&self) -> io::Result<BoxDuplex> {
        let mut child = Command::new("ssh")
            .args(self.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("`ssh` cannot be run: {error}")))?;
        let ends = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = ends else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokio::spawn(listen(errors)));
        Ok(Box::new(Pipe { _child: child, input, output }))
    }
}

/// Reads to the end, so that the program never waits, and keeps the beginning.
async fn listen(mut errors: ChildStderr) -> String {
    let (mut kept, mut piece) = (Vec::new(), [0; 1024]);
    while let Ok(length @ 1..) = errors.read(&mut piece).await {
        let room = SAID_BYTES - kept.len();
        kept.extend_from_slice(&piece[..length.min(room)]);
    }
    printable(String::from_utf8_lossy(&kept).trim()).into_owned()
}

/// A program's input and output as a connection. It ends with it.
struct Pipe {
    _child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.input).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_shutdown(cx)
    }
}

/// A daemon's connection that may have something to add to an error.
pub(super) type SharedSsh = Arc<SshDial>;

#[cfg(test)]
mod tests {
    use super::super::endpoint::Address;
    use super::*;

    #[test]
    fn ssh_is_run_as_docker_runs_it() {
        for (address, expected) in [
            ("ssh://d.example", "-o ConnectTimeout=30 -T -- d.example docker system dial-stdio"),
            (
                "ssh://me@d.example:2222/run/docker.sock",
                "-o ConnectTimeout=30 -T -l me -p 2222 -- d.example docker --host unix:///run/docker.sock system dial-stdio",
            ),
        ] {
            let Ok(Address::Ssh(target)) = Address::parse(address, None) else { panic!("{address}") };
            assert_eq!(SshDial::new(target).arguments().join(" "), expected);
        }
    }
}
