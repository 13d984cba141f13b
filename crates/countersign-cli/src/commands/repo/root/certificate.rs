//! `repo root certificate`: a root key as others list it.

use std::path::PathBuf;

use countersign_core::key::KeyId;
use countersign_core::name::Gun;

use crate::app::App;
use crate::commands::key::files;
use crate::exit::ExitStatus;

/// Write the certificate of a root key that is here, for somebody who proposes a root with it
///
/// It holds the public key and the collection's name, for ten years. Each one that is written is another certificate of the same key.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The collection: the full name of a repository, such as docker.io/library/alpine
    #[arg(value_name = "GUN")]
    gun: Gun,
    /// The root key, of those in the key store
    #[arg(long, short, value_name = "KEY ID")]
    key: KeyId,
    /// The file to write; without it, the certificate is printed
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes it.
pub(super) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let publisher = app.publisher(&args.gun, None)?;
    let certificate = publisher.root_certificate_of(args.key, app.context().now()).await?;
    match &args.output {
        Some(path) => {
            files::write(path, certificate.as_bytes(), false)?;
            app.printer().say(format_args!(
                "The certificate of root key {} is in {}",
                args.key,
                path.display()
            ));
        }
        None => app.printer().data_text(&String::from_utf8_lossy(certificate.as_bytes()))?,
    }
    Ok(ExitStatus::Success)
}
