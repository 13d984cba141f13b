//! `demo`: a publisher, a user, a registry and a trust server on this machine; what trust does, and what it is for.
//!
//! Everything that is shown as a command is that command, run in this process with directories and a clock of its own.

mod attacks;
mod image;
mod narrator;
mod person;
mod stage;
mod story;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use self::narrator::Narrator;
use self::stage::Stage;
use crate::app::App;
use crate::exit::ExitStatus;
use crate::output::Printer;

/// How long work that cannot be stopped has to end when the demo is interrupted.
const END: Duration = Duration::from_secs(5);

/// See it work: a signed push, a verified pull, and attacks that are refused
///
/// Starts a registry and a trust server on this machine, in a temporary directory, and removes everything at the end. Needs
/// no network and changes nothing else. Ends with 0 when every attack was refused for the right reason.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Tells the story, and leaves nothing behind, whether it ends, fails, or is interrupted.
pub(crate) async fn run(_: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let dir = tempfile::Builder::new().prefix("countersign-demo-").tempdir();
    let dir = dir.context("no temporary directory can be made")?;
    let (stop, stopped) = oneshot::channel::<()>();
    let (path, printer) = (dir.path().to_owned(), Arc::clone(app.printer()));
    let mut telling = spawn_blocking(move || tell(&path, printer, stopped));
    let told = tokio::select! {
        told = &mut telling => told,
        () = async { tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {}, _ = hang_up.recv() => {} } } => {
            drop(stop);
            telling.await
        }
    };
    dir.close().context("the temporary directory cannot be removed")?;
    told.context("the demo broke off")??;
    story::end(&Narrator::new(Arc::clone(app.printer())))?;
    Ok(ExitStatus::Success)
}

/// Tells the story in a runtime of its own, which is over, with all that it was doing, when this returns.
fn tell(dir: &Path, printer: Arc<Printer>, stopped: oneshot::Receiver<()>) -> anyhow::Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().build().context("no threads can be started")?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = perform(dir, printer) => outcome,
            _ = stopped => bail!("interrupted; everything that was made for it is removed"),
        }
    });
    runtime.shutdown_timeout(END);
    outcome
}

async fn perform(dir: &Path, printer: Arc<Printer>) -> anyhow::Result<()> {
    let narrator = Narrator::new(printer);
    let stage = Stage::set(dir).await?;
    let first = story::tell(&stage, &narrator).await?;
    attacks::show(&stage, &first, &narrator).await?;
    stage.clear().await;
    Ok(())
}
