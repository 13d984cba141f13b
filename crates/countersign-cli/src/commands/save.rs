//! `save`: images of the engine into an archive.

use std::path::PathBuf;

use countersign_registry::reference::ImageReference;

use crate::app::App;
use crate::engine::EngineArgs;
use crate::exit::ExitStatus;

/// Save images to an archive
///
/// From the local store the archive is an OCI image layout in a tar, which `docker load`, `skopeo` and `countersign load` read.
/// A daemon writes what its `docker save` writes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The images
    #[arg(required = true, value_name = "REF")]
    images: Vec<ImageReference>,
    /// The archive; what is there is replaced once the new one is whole
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Saves the images.
pub(crate) async fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let images: Vec<_> = args.images.iter().cloned().map(ImageReference::or_latest).collect();
    app.engine(&args.engine).await?.save(&images, &args.output).await?;
    app.printer().say(format_args!("Saved {}", args.output.display()));
    Ok(ExitStatus::Success)
}
