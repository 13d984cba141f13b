//! `key generate`: a key for later use.

use countersign_client::keystore::KeyStore as _;
use countersign_core::name::{RoleName, TopRole};

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
}

/// Generates, and prints the id in Notary's words; with `--quiet` the id alone.
pub(crate) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let id = app.key_store()?.generate(&args.role, None)?.id();
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
        None => {
            Err("a signer's name has lower-case letters, digits, `-` and `_`, a letter or digit first"
                .to_owned())
        }
    }
}

/// Source: docker/cli `cli/command/trust/key_generate.go` (`validKeyNameRegexp`).
fn is_signer(text: &str) -> bool {
    let first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.as_bytes().first().is_some_and(first)
        && text.bytes().all(|byte| first(&byte) || matches!(byte, b'-' | b'_'))
}
