//! `repo export`: a collection with its past in one file.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use countersign_client::export::{ExportError, ExportLimits, ExportManifest, export};
use countersign_client::remote_http::Access;
use countersign_core::name::Gun;
use countersign_core::time::UpdateStart;
use tempfile::NamedTempFile;

use crate::app::App;
use crate::exit::ExitStatus;

/// Export a verified collection, with all versions that its server still has, to one file
///
/// For those whose trust server is being switched off. The file is a tar with every file byte for byte, and `manifest.json`,
/// which says what each is and whether its signatures could be verified.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The collection: the full name of a repository, such as docker.io/library/alpine
    #[arg(value_name = "GUN")]
    gun: Gun,
    /// The file; what is there is replaced once the new one is whole
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

/// Exports.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let manifest = to_file(&args.gun, &args.output, app).await?;
    app.printer().say(format_args!(
        "Exported {} files of {} to {}",
        manifest.files.len(),
        args.gun,
        args.output.display()
    ));
    Ok(ExitStatus::Success)
}

/// Exports a collection to a file, and says what is not in it.
pub(super) async fn to_file(gun: &Gun, path: &Path, app: &App) -> anyhow::Result<ExportManifest> {
    let updater = app.updater(gun, Access::Pull)?;
    let start = UpdateStart(app.context().now());
    let manifest = whole_file(path, |out| async move {
        let exported = export(&updater, start, ExportLimits::default(), out).await;
        exported.map_err(|error| match error {
            ExportError::Update(error) => super::of_update(error, gun),
            error => error.into(),
        })
    })
    .await?;
    for missing in &manifest.missing {
        app.printer().warn(missing);
    }
    let unverified = manifest.files.iter().filter(|file| !file.verified).count();
    if unverified > 0 {
        app.printer()
            .warn(format_args!("{unverified} old files could not be verified; `manifest.json` says which"));
    }
    Ok(manifest)
}

/// Puts in place what `write` writes, once it is whole and on the disk.
pub(super) async fn whole_file<T, F: Future<Output = anyhow::Result<T>>>(
    path: &Path,
    write: impl FnOnce(File) -> F,
) -> anyhow::Result<T> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unwritten = || format!("cannot write `{}`", path.display());
    let file = NamedTempFile::with_prefix_in(".countersign-export-", dir).with_context(unwritten)?;
    let written = write(file.reopen().with_context(unwritten)?).await?;
    file.as_file().sync_all().with_context(unwritten)?;
    file.persist(path).with_context(unwritten)?;
    Ok(written)
}
