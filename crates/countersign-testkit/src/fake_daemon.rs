//! A Docker daemon that answers as a test wants it to, on a socket of its own.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

/// What it does with a request.
pub enum Reply {
    /// A status and a whole document.
    Whole(u16, String),
    /// A report, complete.
    Report(Vec<String>),
    /// Exactly these bytes; then it hangs up.
    Bytes(Vec<u8>),
    /// Nothing, for as long as somebody listens.
    Nothing,
}

/// The daemon; its thread ends with the test.
pub struct FakeDaemon {
    dir: tempfile::TempDir,
    heard: Arc<Mutex<Vec<String>>>,
}

impl FakeDaemon {
    /// Starts one. `reply` gets `METHOD PATH?QUERY`, without the version; the greeting is answered when it says nothing.
    ///
    /// # Panics
    /// Without a directory or a socket.
    pub fn start(reply: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let listener = UnixListener::bind(dir.path().join("d.sock")).expect("a socket");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&heard);
        let reply = Arc::new(reply);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (told, reply) = (Arc::clone(&told), Arc::clone(&reply));
                thread::spawn(move || serve(stream, &told, &*reply));
            }
        });
        Self { dir, heard }
    }

    /// Its own directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("d.sock")
    }

    /// Its address as docker takes it: `unix:///…/d.sock`.
    #[must_use]
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The requests so far: `METHOD PATH?QUERY`, and the value of `X-Registry-Auth` if it has one.
    ///
    /// # Panics
    /// When a thread of it did.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("nobody panicked").clone()
    }
}

fn serve(mut stream: UnixStream, told: &Mutex<Vec<String>>, reply: &dyn Fn(&str) -> Option<Reply>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1..) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
        line.and_then(|line| line.split_once(": ")).map(|(_, value)| value.to_owned())
    };
    let length: usize = header("content-length").map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("the whole body");
    let request = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    let auth = header("x-registry-auth").map(|auth| format!(" auth={auth}")).unwrap_or_default();
    told.lock().expect("nobody panicked").push(format!("{request}{auth}"));
    let unversioned = match request.split_once("/v1.") {
        Some((method, rest)) => format!("{method}{}", &rest[rest.find('/').expect("a path")..]),
        None => request,
    };
    let reply = reply(&unversioned).unwrap_or_else(|| match unversioned.as_str() {
        "GET /_ping" => Reply::Bytes(
            b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nConnection: close\r\nContent-Length: 2\r\n\r\nOK"
                .to_vec(),
        ),
        other => Reply::Whole(404, format!(r#"{{"message":"no such thing: {other}"}}"#)),
    });
    let bytes = match reply {
        Reply::Whole(status, text) => {
            let length = text.len();
            format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{text}").into_bytes()
        }
        Reply::Report(lines) => {
            let mut text =
                "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
            for line in lines {
                let _ = write!(text, "{:x}\r\n{line}\r\n\r\n", line.len() + 2);
            }
            text.push_str("0\r\n\r\n");
            text.into_bytes()
        }
        Reply::Bytes(bytes) => bytes,
        Reply::Nothing => {
            // Until the other side gives up.
            let _ = stream.read(&mut byte);
            return;
        }
    };
    // Whoever has heard enough may be gone.
    let _ = stream.write_all(&bytes);
}
