//! `logout`: forgets an account.

use countersign_registry::credentials::server_key;
use countersign_registry::reference::DEFAULT_DOMAIN;

use super::login::domain;
use crate::app::App;
use crate::exit::ExitStatus;

/// Log out from a registry
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The registry
    #[arg(default_value = DEFAULT_DOMAIN, value_name = "SERVER")]
    server: String,
}

/// Forgets the registry's credentials. That there were none is no error, as with Docker.
pub(crate) async fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let key = server_key(domain(&args.server));
    if app.credentials().erase(key).await? {
        app.printer().status(format_args!("Removing login credentials for {key}"))?;
    } else {
        app.printer().status(format_args!("Not logged in to {key}"))?;
    }
    Ok(ExitStatus::Success)
}
