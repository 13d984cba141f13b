//! `key generate`: a key for later use.

use countersign_client::keystore::KeyStore as _;
use countersign_client::keystore_token::TokenName;
use countersign_core::name::{RoleName, TopRole};

use super::role::{NO_SIGNER, is_signer};
use super::token;
use crate::app::App;
use crate::exit::ExitStatus;

/// Generate an ECDSA key on P-256, kept encrypted with a passphrase
///
/// A root key that is there already is used for the next collection that is initialised.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the key is for: root, or a signer's name
    #[arg(long, short, default_value = "root", value_parser = parse_role)]
    role: String,
    /// Make the key in this token, which it never leaves: its label, `serial:NUMBER` or `slot:NUMBER`
    ///
    /// There can be no backup of it. For a key with one, make it in a file, `key backup`, and `key copy` it to the token.
    #[arg(long, value_name = "TOKEN")]
    token: Option<TokenName>,
}

/// Generates, and prints the id in Notary's words; with `--quiet` the id alone.
pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let id = match &args.token {
        Some(name) => {
            let (keys, token) = token::chosen(name, app)?;
            keys.tokens().generate(&token, &args.role)?.id
        }
        None => app.key_store()?.generate(&args.role, None)?.id(),
    };
    let printer = app.printer();
    if printer.is_quiet() {
        printer.data(id)?;
    } else {
        printer.data(format_args!("Generated new ecdsa {} key with keyID: {id}", args.role))?;
    }
    Ok(ExitStatus::Success)
}

/// Keys of a collection are made with it, and the server makes the timestamp's.
fn parse_role(text: &str) -> Result<String, String> {
    let top = text.parse::<RoleName>().ok().and_then(|role| role.top());
    match top {
        Some(TopRole::Root) => Ok(text.to_owned()),
        Some(_) => Err(format!("`{text}` keys are made by `repo init` and the first push")),
        None if is_signer(text) => Ok(text.to_owned()),
        None => Err(NO_SIGNER.to_owned()),
    }
}
