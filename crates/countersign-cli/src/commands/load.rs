//! `load`: an archive's images into the engine.

use std::path::PathBuf;

use countersign_registry::reference::ImageReference;

use crate::app::App;
use crate::engine::EngineArgs;
use crate::exit::ExitStatus;

/// Load images from an archive
///
/// The local store takes an OCI image layout (a directory, a tar, a gzipped tar) and what `docker save` writes. A daemon takes
/// what its `docker load` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The archive, or the directory of an OCI image layout
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Give the archive's one image this name instead of its own
    #[arg(long = "as", value_name = "REF")]
    name: Option<ImageReference>,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Loads the images and prints their names, or the digest of one that has none.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let name = args.name.map(ImageReference::or_latest);
    let loaded = app.engine(&args.engine).await?.load(&args.path, name.as_ref()).await?;
    for image in loaded {
        let line = match image.reference {
            Some(reference) => format!("Loaded image: {}", reference.familiar()),
            None => format!("Loaded image ID: {}", image.digest),
        };
        app.printer().status(line)?;
    }
    Ok(ExitStatus::Success)
}
