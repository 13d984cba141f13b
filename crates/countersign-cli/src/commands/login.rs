//! `login`: an account at a registry, kept where Docker keeps it.

use std::io::Read as _;

use anyhow::{Context as _, bail};
use countersign_registry::auth;
use countersign_registry::credentials::{Secret, StoredIn, server_key};
use countersign_registry::reference::DEFAULT_DOMAIN;
use zeroize::Zeroizing;

use crate::app::App;
use crate::exit::ExitStatus;

/// Longest password from standard input, in bytes.
const PASSWORD_BYTES: u64 = 64 << 10;

/// Log in to a registry
///
/// Credentials are kept where Docker keeps them: with the configured credential helper, or in config.json.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The registry, such as registry.example:5000
    #[arg(default_value = DEFAULT_DOMAIN, value_name = "SERVER")]
    server: String,
    /// The account's name
    #[arg(long, short)]
    username: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "username")]
    password_stdin: bool,
}

/// Shows the account to the registry, and keeps it once it was let in.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let domain = domain(&args.server);
    let (username, password) = account(&args, app)?;
    let base = app.registry(domain)?.base().await?;
    let credentials = auth::login(&app.http()?, &base, &username, Secret::from(password)).await?;
    match app.credentials().store(server_key(domain), credentials).await? {
        StoredIn::Helper(_) => {}
        StoredIn::File(path) => app.printer().say(format_args!(
            "WARNING! Your credentials are stored unencrypted in '{}'.\n\
             Configure a credential helper to remove this warning.",
            path.display()
        )),
    }
    app.printer().status("Login Succeeded")?;
    Ok(ExitStatus::Success)
}

/// The registry's domain, of whatever people call it: Docker Hub has several names, and some write a URL.
pub(super) fn domain(server: &str) -> &str {
    let server = server.strip_prefix("https://").or_else(|| server.strip_prefix("http://")).unwrap_or(server);
    let domain = server.split('/').next().unwrap_or(server);
    match domain {
        "index.docker.io" | "registry-1.docker.io" => DEFAULT_DOMAIN,
        domain => domain,
    }
}

fn account(args: &Args, app: &App) -> anyhow::Result<(String, String)> {
    if let (true, Some(username)) = (args.password_stdin, &args.username) {
        let mut password = Zeroizing::new(String::new());
        let input = std::io::stdin().lock();
        input.take(PASSWORD_BYTES).read_to_string(&mut password).context("cannot read the password")?;
        return Ok((username.clone(), password.trim_end_matches(['\r', '\n']).to_owned()));
    }
    let username = match &args.username {
        Some(username) => username.clone(),
        None => app.ask("Username: ").context("the user name could not be asked for")?,
    };
    let password = app.ask_hidden("Password: ").context("the password could not be asked for")?;
    if username.is_empty() || password.is_empty() {
        bail!("a user name and a password are needed");
    }
    Ok((username, password.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_hub_has_one_domain_under_all_its_names() {
        for server in ["docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"] {
            assert_eq!(domain(server), "docker.io");
        }
        assert_eq!(domain("http://localhost:5000/"), "localhost:5000");
        assert_eq!(domain("registry.example"), "registry.example");
    }
}
