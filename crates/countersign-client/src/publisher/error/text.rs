//! Pieces of what the errors say.

use countersign_core::key::KeyId;
use countersign_core::name::RoleName;
use countersign_core::number::MetaVersion;
use countersign_core::time::DateTime;

pub(super) fn change_text(file: Option<&str>) -> String {
    file.map_or_else(
        || "the change cannot be made; ".to_owned(),
        |file| format!("staged change `{file}` cannot be made; "),
    )
}

pub(super) fn ids(keys: &[KeyId]) -> String {
    keys.iter().map(KeyId::to_string).collect::<Vec<_>>().join(" or ")
}

pub(super) fn ends(files: &[(RoleName, MetaVersion, DateTime)]) -> String {
    let end = |(role, version, expires): &(RoleName, MetaVersion, DateTime)| {
        format!("`{role}` version {version} on {expires}")
    };
    files.iter().map(end).collect::<Vec<_>>().join(", ")
}

pub(super) fn names(roles: &[RoleName]) -> String {
    roles.iter().map(|role| format!("`{role}`")).collect::<Vec<_>>().join(" and ")
}

pub(super) fn signer(role: &RoleName) -> &str {
    role.as_str().strip_prefix("targets/").unwrap_or(role.as_str())
}

pub(super) fn without_root_keys(needed: usize, missing: &[KeyId]) -> String {
    let missing: Vec<_> = missing.iter().map(KeyId::to_string).collect();
    format!(
        "{needed} of the root keys must sign a change of keys, and too few are here; no keys were changed; missing: {}",
        missing.join(", ")
    )
}

pub(super) fn wanted(roles: &[(RoleName, Vec<KeyId>)]) -> String {
    let of_role = |(role, keys): &(RoleName, Vec<KeyId>)| {
        let keys: Vec<_> = keys.iter().map(KeyId::to_string).collect();
        format!("{role}: {}", keys.join(" or "))
    };
    roles.iter().map(of_role).collect::<Vec<_>>().join(", ")
}
