//! What keys are for: roles, and the names of signers.

use countersign_core::name::RoleName;

/// Reads any role that a key can have.
pub(super) fn parse(text: &str) -> Result<String, String> {
    if text.parse::<RoleName>().is_ok() || is_signer(text) {
        Ok(text.to_owned())
    } else {
        Err("a role is root, targets, snapshot, timestamp, a delegation (targets/NAME), or a signer's name"
            .to_owned())
    }
}

/// Reads the name of a signer or a delegation.
pub(super) fn parse_name(text: &str) -> Result<String, String> {
    let role = text.parse::<RoleName>();
    if role.as_ref().is_ok_and(|role| role.top().is_some()) {
        return Err(format!("`{text}` is a role of every collection, and no signer's name"));
    }
    if role.is_ok() || is_signer(text) { Ok(text.to_owned()) } else { Err(NO_SIGNER.to_owned()) }
}

/// What is wrong with a name.
pub(super) const NO_SIGNER: &str =
    "a signer's name has lower-case letters, digits, `-` and `_`, a letter or digit first";

/// Source: docker/cli `cli/command/trust/key_generate.go` (`validKeyNameRegexp`).
pub(super) fn is_signer(text: &str) -> bool {
    let first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.as_bytes().first().is_some_and(first)
        && text.bytes().all(|byte| first(&byte) || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_signers_are_no_base_roles() {
        for name in ["alice", "0", "a-b_c", "targets/releases", "delegation"] {
            assert!(parse_name(name).is_ok(), "{name}");
        }
        for name in ["root", "targets", "snapshot", "timestamp", "", "-a", "Alice", "a b", "a\nb", "targets/"]
        {
            assert!(parse_name(name).is_err(), "{name}");
        }
        assert!(parse("root").is_ok());
        assert!(parse("Root").is_err());
    }
}
