//! Tokens on the command line: `--token`, `key tokens`, `key copy`.

use std::sync::Arc;

use countersign_client::keystore::KeyStore as _;
use countersign_client::keystore_token::{Keys, Token, TokenName};

use super::KeyRefusal;
use super::chosen::ChosenKey;
use crate::app::App;
use crate::exit::ExitStatus;
use crate::table::table;

/// The tokens, and the one that is meant.
pub(super) fn chosen(name: &TokenName, app: &App) -> anyhow::Result<(Arc<Keys>, Token)> {
    let keys = app.tokens()?.ok_or(KeyRefusal::NoModule)?;
    let token = keys.tokens().token(name)?;
    Ok((keys, token))
}

/// List the tokens of the PKCS#11 module that `COUNTERSIGN_PKCS11_MODULE` names
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Print JSON, one object for each token
    #[arg(long)]
    json: bool,
}

/// Lists.
pub(crate) fn list(args: &ListArgs, app: &App) -> anyhow::Result<ExitStatus> {
    let keys = app.tokens()?.ok_or(KeyRefusal::NoModule)?;
    let tokens = keys.tokens().tokens()?;
    if args.json {
        for token in &tokens {
            app.printer().data(serde_json::json!({
                "label": token.label,
                "serial": token.serial,
                "slot": token.slot_number(),
                "model": token.model,
                "manufacturer": token.manufacturer,
            }))?;
        }
        return Ok(ExitStatus::Success);
    }
    let rows: Vec<_> = tokens.iter().map(row).collect();
    app.printer().data_text(&table(["LABEL", "SERIAL", "SLOT", "MODEL"], &rows))?;
    Ok(ExitStatus::Success)
}

fn row(token: &Token) -> [String; 4] {
    let text = |text: &str| text.escape_debug().to_string();
    [text(&token.label), text(&token.serial), token.slot_number().to_string(), text(&token.model)]
}

/// Copy a key from its file to a token
///
/// From then on it signs in the token. The file stays until `key remove`: first `key backup`, because a key does not leave a token again.
/// The token's PIN is asked for, or taken from `COUNTERSIGN_PKCS11_PIN`.
#[derive(Debug, clap::Args)]
pub(crate) struct CopyArgs {
    /// The key: its id, or the first seven digits of it or more
    #[arg(value_name = "ID")]
    key: ChosenKey,
    /// The token: its label, `serial:NUMBER` or `slot:NUMBER`
    #[arg(long, value_name = "TOKEN")]
    token: TokenName,
}

/// Copies.
pub(crate) fn copy(args: &CopyArgs, app: &App) -> anyhow::Result<ExitStatus> {
    let (keys, token) = chosen(&args.token, app)?;
    let files = app.key_store()?;
    let list = files.list()?;
    let entry = args.key.among(&list)?;
    let copied = keys.tokens().copy(&token, &*files.load(entry.id)?, &entry.role)?;
    app.printer().data(format_args!(
        "Copied {} key {} to {}",
        copied.role,
        copied.id,
        copied.location.display()
    ))?;
    Ok(ExitStatus::Success)
}
