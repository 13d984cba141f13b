//! Whether keys in tokens can be used, where a PKCS#11 module is named.

use std::path::Path;
use std::sync::Arc;

use countersign_client::keystore_token::{TokenModule, TokenStore};
use countersign_client::passphrase::{PassphraseVariables, Passphrases, Tries};
use countersign_client::prompt::Nobody;

use super::finding::Finding;
use crate::app::MODULE;
use crate::context::Context;

/// Loads the module, and looks into its tokens without a PIN.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let Some(named) = context.variable(MODULE).filter(|named| !named.is_empty()) else { return Vec::new() };
    let module = Path::new(&named);
    found(module).unwrap_or_else(|error| vec![Finding::error("keys", &error)])
}

fn found(path: &Path) -> anyhow::Result<Vec<Finding>> {
    let nobody = Passphrases::new(PassphraseVariables::default(), Arc::new(Nobody), Tries::default());
    let store = TokenStore::new(TokenModule::load(path)?, None, Arc::new(nobody));
    let tokens = store.tokens()?;
    if tokens.is_empty() {
        let text = format!("the PKCS#11 module `{}` has no token", path.display());
        return Ok(vec![
            Finding::warn("keys", text).hint("plug it in, or unset `COUNTERSIGN_PKCS11_MODULE`"),
        ]);
    }
    let labels: Vec<_> = tokens.iter().map(|token| token.label.escape_debug().to_string()).collect();
    let keys = match store.list()?.len() {
        0 => "no signing key".to_owned(),
        1 => "1 signing key".to_owned(),
        count => format!("{count} signing keys"),
    };
    let text = format!("the PKCS#11 module `{}` has {keys}, in {}", path.display(), labels.join(", "));
    Ok(vec![Finding::ok("keys", text)])
}
