//! `server`: the trust server, embedded.

use std::net::SocketAddr;
use std::path::PathBuf;

use countersign_server::config::{Config, Flags};
use countersign_server::{RunningServer, Server};
use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;
use crate::exit::ExitStatus;
use crate::output::Printer;
use countersign_client::trust_server::VARIABLE;

/// Run a trust server
///
/// Needs no configuration: everything is kept in one directory, and a certificate is made by an authority of its own, whose
/// certificate clients are told to trust.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where everything is kept; made when it is not there
    ///
    /// Without it: `server` in this program's data directory.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The address to listen on; port 0 takes any free one [default: 127.0.0.1:4443]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// A configuration file (TOML); flags override it
    #[arg(long, value_name = "FILE")]
    config_file: Option<PathBuf>,
    /// A name or address that the self-made certificate is for, besides localhost
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// A certificate to use instead of a self-made one (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Speak plain HTTP, on loopback only: for a proxy that does TLS
    #[arg(long)]
    plaintext: bool,
    /// How long timestamps are valid, such as 14d or 30s: how long a frozen server can go unnoticed
    #[arg(long, value_name = "TIME")]
    timestamp_lifetime: Option<String>,
}

/// Serves until it is told to stop.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let context = app.context();
    let file = args.config_file;
    let names = args.names.clone();
    let flags = Flags {
        data: args.data,
        listen: args.listen,
        names: args.names,
        certificate: args.tls_cert,
        private_key: args.tls_key,
        plaintext: args.plaintext,
        timestamp_lifetime: args.timestamp_lifetime,
    };
    // A data directory that is named needs no home.
    let data = match &flags.data {
        Some(dir) => dir.clone(),
        None => context.data_dir()?.join("server"),
    };
    let config = Config::load(&data, file.as_deref(), &flags, |name| context.variable(name))?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let server = Server::start(config).await?;
    introduce(&server, names.first().map(String::as_str), app.printer())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    app.printer().say("stopping; open requests may end");
    server.shutdown().await;
    Ok(ExitStatus::Success)
}

/// Says where it is and what clients need.
fn introduce(server: &RunningServer, name: Option<&str>, printer: &Printer) -> anyhow::Result<()> {
    let host = host(server.address(), name);
    let url = server.url();
    let scheme = url.split("://").next().unwrap_or_default();
    printer.data(format_args!("Trust server: {scheme}://{host}"))?;
    let Some(ca) = server.ca_certificate() else { return Ok(()) };
    let ca = ca.canonicalize().unwrap_or_else(|_| ca.clone());
    printer.data(format_args!("CA certificate: {}", ca.display()))?;
    printer.say("\nTo use it, on this machine:");
    printer.say(format_args!("  export {VARIABLE}=https://{host}"));
    let tls = "\"${DOCKER_CONFIG:-$HOME/.docker}/tls/";
    printer.say(format_args!(
        "  install -D -m 644 {} {tls}{host}/ca.crt\"\n",
        quoted(&ca.display().to_string())
    ));
    Ok(())
}

/// The host and port that clients on this machine can ask.
fn host(address: SocketAddr, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{name}:{}", address.port()),
        None if address.ip().is_unspecified() => format!("localhost:{}", address.port()),
        None => address.to_string(),
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(&byte);
    if word.bytes().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
