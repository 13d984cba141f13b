//! A change as its file has it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::author::{Change, DelegationEdit};
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::metadata::FileMeta;
use countersign_core::name::{RoleName, TargetName, TopRole};
use countersign_core::number::Threshold;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const CREATE: &str = "create";
const UPDATE: &str = "update";
const DELETE: &str = "delete";
const TARGET: &str = "target";
const DELEGATION: &str = "delegation";
const WITNESS: &str = "witness";
const ROLE: &str = "role";
const PURGE: &str = "/*";

/// One change file.
///
/// Source: notary `client/changelist/change.go` (field order), `client/helpers.go` (what each means).
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct WireChange {
    action: String,
    role: String,
    #[serde(rename = "type")]
    kind: String,
    path: String,
    /// Base64 of the content, JSON itself.
    data: Option<String>,
}

/// What changes of a delegation.
///
/// Source: notary `client/changelist/change.go` (`TUFDelegation`); its empty members are written as `null` and 0.
#[derive(Debug, Default, Deserialize, Serialize)]
struct WireDelegation {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    threshold: Option<u64>,
    #[serde(default, skip_serializing_if = "is_empty")]
    add_keys: Option<Vec<PublicKey>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    remove_keys: Option<Vec<KeyId>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    add_paths: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    remove_paths: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clear_paths: Option<bool>,
    #[serde(default, skip_serializing)]
    new_name: Option<String>,
}

/// The keys that replace a role's.
#[derive(Debug, Deserialize, Serialize)]
struct WireRoleKeys {
    keys: Vec<PublicKey>,
    role: String,
}

impl WireChange {
    /// The files of one change: mostly one, two for an edit that adds and removes.
    pub(super) fn of(change: &Change) -> Vec<Self> {
        let one =
            |action, role: &str, kind, path: &str, data| vec![Self::new(action, role, kind, path, data)];
        match change {
            Change::SetTarget { role, name, meta } => {
                one(CREATE, role.as_str(), TARGET, name.as_str(), Some(encode(meta)))
            }
            Change::RemoveTarget { role, name } => one(DELETE, role.as_str(), TARGET, name.as_str(), None),
            Change::EditDelegation { role, edit } => Self::of_edit(role, edit),
            Change::RemoveDelegation { role } => one(DELETE, role.as_str(), DELEGATION, "", None),
            Change::PurgeKeys { below, keys } => {
                let data = WireDelegation { remove_keys: Some(keys.clone()), ..WireDelegation::default() };
                one(UPDATE, &format!("{below}{PURGE}"), DELEGATION, "", Some(encode(&data)))
            }
            Change::Witness { role } => one(UPDATE, role.as_str(), WITNESS, "", None),
            Change::ReplaceKeys { role, keys } => {
                let data = WireRoleKeys { keys: keys.clone(), role: role.name().to_owned() };
                one(CREATE, TopRole::Root.name(), ROLE, role.name(), Some(encode(&data)))
            }
            // The core's list of changes is open; whoever adds one adds its file here.
            _ => Vec::new(),
        }
    }

    /// Reads one file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Change, String> {
        let wire: Self = serde_json::from_slice(bytes).map_err(|_| "it is not a change".to_owned())?;
        wire.change()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Strings always have a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn new(action: &str, role: &str, kind: &str, path: &str, data: Option<String>) -> Self {
        Self {
            action: action.to_owned(),
            role: role.to_owned(),
            kind: kind.to_owned(),
            path: path.to_owned(),
            data,
        }
    }

    /// Notary, when it creates a delegation, only adds; so what is removed goes into a change before that.
    fn of_edit(role: &RoleName, edit: &DelegationEdit) -> Vec<Self> {
        let adds = edit.threshold.is_some() || !edit.add_keys.is_empty() || !edit.add_paths.is_empty();
        let removes = !edit.remove_keys.is_empty() || !edit.remove_paths.is_empty() || edit.clear_paths;
        let mut changes = Vec::new();
        let mut push = |action, data: &WireDelegation| {
            changes.push(Self::new(action, role.as_str(), DELEGATION, "", Some(encode(data))));
        };
        if removes {
            let clear_paths = edit.clear_paths.then_some(true);
            let (remove_keys, remove_paths) =
                (Some(edit.remove_keys.clone()), Some(edit.remove_paths.clone()));
            push(
                UPDATE,
                &WireDelegation { remove_keys, remove_paths, clear_paths, ..WireDelegation::default() },
            );
        }
        if adds {
            let threshold = edit.threshold.map(u64::from);
            let (add_keys, add_paths) = (Some(edit.add_keys.clone()), Some(edit.add_paths.clone()));
            push(CREATE, &WireDelegation { threshold, add_keys, add_paths, ..WireDelegation::default() });
        }
        changes
    }

    fn change(&self) -> Result<Change, String> {
        match (self.kind.as_str(), self.action.as_str()) {
            (TARGET, CREATE | UPDATE) => Ok(Change::SetTarget {
                role: self.role()?,
                name: self.name(),
                meta: self.content::<FileMeta>()?,
            }),
            (TARGET, DELETE) => Ok(Change::RemoveTarget { role: self.role()?, name: self.name() }),
            (DELEGATION, CREATE | UPDATE) => match self.role.strip_suffix(PURGE) {
                Some(below) => {
                    let keys = self.content::<WireDelegation>()?.remove_keys.unwrap_or_default();
                    Ok(Change::PurgeKeys { below: role(below)?, keys })
                }
                None => Ok(Change::EditDelegation { role: self.role()?, edit: self.edit()? }),
            },
            (DELEGATION, DELETE) => Ok(Change::RemoveDelegation { role: self.role()? }),
            (WITNESS, UPDATE) => Ok(Change::Witness { role: self.role()? }),
            (ROLE, CREATE | UPDATE) if self.role == TopRole::Root.name() => {
                let WireRoleKeys { keys, role } = self.content()?;
                let top = TopRole::ALL.into_iter().find(|top| top.name() == role);
                let top = top.ok_or_else(|| {
                    format!("`{}` is not a role whose keys root lists", role.escape_default())
                })?;
                Ok(Change::ReplaceKeys { role: top, keys })
            }
            (kind, action) => Err(format!(
                "it asks to `{}` a `{}` in `{}`, which nobody knows how to do",
                action.escape_default(),
                kind.escape_default(),
                self.role.escape_default()
            )),
        }
    }

    fn edit(&self) -> Result<DelegationEdit, String> {
        let wire: WireDelegation = self.content()?;
        if wire.new_name.is_some_and(|name| !name.is_empty()) {
            return Err("it renames a delegation, which Notary never did".to_owned());
        }
        let threshold = wire.threshold.filter(|threshold| *threshold > 0).map(Threshold::new);
        Ok(DelegationEdit {
            threshold: threshold.transpose().map_err(|error| error.to_string())?,
            add_keys: wire.add_keys.unwrap_or_default(),
            remove_keys: wire.remove_keys.unwrap_or_default(),
            add_paths: wire.add_paths.unwrap_or_default(),
            remove_paths: wire.remove_paths.unwrap_or_default(),
            clear_paths: wire.clear_paths.unwrap_or_default(),
        })
    }

    fn role(&self) -> Result<RoleName, String> {
        role(&self.role)
    }

    fn name(&self) -> TargetName {
        TargetName::from(self.path.clone())
    }

    fn content<T: DeserializeOwned>(&self) -> Result<T, String> {
        let data = self.data.as_deref().ok_or("its content is missing")?;
        let bytes = STANDARD.decode(data).map_err(|_| "its content is not base64")?;
        serde_json::from_slice(&bytes).map_err(|error| format!("its content is not what it must be: {error}"))
    }
}

fn role(text: &str) -> Result<RoleName, String> {
    text.parse().map_err(|error: countersign_core::name::NameError| error.to_string())
}

fn encode(content: &impl Serialize) -> String {
    // Keys, hashes and strings always have a JSON form.
    STANDARD.encode(serde_json::to_vec(content).unwrap_or_default())
}

#[expect(clippy::ref_option, reason = "serde passes the field as it is")]
fn is_empty<T>(list: &Option<Vec<T>>) -> bool {
    list.as_ref().is_none_or(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use countersign_core::key::KeyType;

    use super::*;

    fn key() -> PublicKey {
        PublicKey::new(KeyType::Ed25519, vec![7; 32])
    }

    fn releases() -> RoleName {
        RoleName::releases()
    }

    #[test]
    fn target_is_written_as_notary_writes_it() {
        let change = Change::SetTarget {
            role: TopRole::Targets.into(),
            name: "v1".to_owned().into(),
            meta: FileMeta::new(countersign_core::digest::Digest::sha256(b"").into(), 6),
        };
        let text = String::from_utf8(WireChange::of(&change)[0].to_bytes()).expect("text");
        let data = STANDARD
            .encode(r#"{"hashes":{"sha256":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},"length":6}"#);
        let expected =
            format!(r#"{{"action":"create","role":"targets","type":"target","path":"v1","data":"{data}"}}"#);
        assert_eq!(text, expected);
    }

    #[test]
    fn every_change_comes_back_as_it_was() {
        let targets = RoleName::from(TopRole::Targets);
        let mut noted = FileMeta::of(b"x");
        noted.custom = Some(serde_json::json!({"a": 1}));
        let changes = [
            Change::SetTarget { role: targets.clone(), name: "a<b".to_owned().into(), meta: noted },
            Change::RemoveTarget { role: targets.clone(), name: "v1".to_owned().into() },
            Change::EditDelegation {
                role: releases(),
                edit: DelegationEdit {
                    threshold: Some(Threshold::ONE),
                    add_keys: vec![key()],
                    add_paths: vec![String::new()],
                    ..DelegationEdit::default()
                },
            },
            Change::EditDelegation {
                role: releases(),
                edit: DelegationEdit {
                    remove_keys: vec![key().id()],
                    remove_paths: vec!["a/".to_owned()],
                    clear_paths: true,
                    ..DelegationEdit::default()
                },
            },
            Change::RemoveDelegation { role: releases() },
            Change::PurgeKeys { below: targets, keys: vec![key().id()] },
            Change::Witness { role: releases() },
            Change::ReplaceKeys { role: TopRole::Snapshot, keys: vec![key()] },
        ];
        for change in changes {
            let wire = WireChange::of(&change);
            assert_eq!(wire.len(), 1, "{change:?}");
            assert_eq!(WireChange::parse(&wire[0].to_bytes()), Ok(change));
        }
    }

    #[test]
    fn edit_that_adds_and_removes_is_two_changes() {
        let edit = DelegationEdit {
            add_keys: vec![key()],
            remove_paths: vec!["a".to_owned()],
            ..DelegationEdit::default()
        };
        let wire = WireChange::of(&Change::EditDelegation { role: releases(), edit });
        let actions: Vec<_> = wire.iter().map(|change| change.action.as_str()).collect();
        assert_eq!(actions, ["update", "create"]);
    }

    #[test]
    fn notarys_empty_members_are_read() {
        let data = STANDARD.encode(r#"{"threshold":0,"add_keys":null,"add_paths":["a/"]}"#);
        let text = format!(
            r#"{{"action":"create","role":"targets/rel","type":"delegation","path":"","data":"{data}"}}"#
        );
        let Ok(Change::EditDelegation { edit, .. }) = WireChange::parse(text.as_bytes()) else {
            panic!("not an edit")
        };
        assert_eq!(edit, DelegationEdit { add_paths: vec!["a/".to_owned()], ..DelegationEdit::default() });
    }

    #[test]
    fn what_is_no_change_says_why() {
        for text in [
            "",
            "[]",
            r#"{"action":"create","role":"targets","type":"target","path":"v1","data":null}"#,
            r#"{"action":"create","role":"targets","type":"target","path":"v1","data":"???"}"#,
            r#"{"action":"create","role":"targets/Foo","type":"witness","path":"","data":null}"#,
            r#"{"action":"destroy","role":"targets","type":"world","path":"","data":null}"#,
            r#"{"action":"create","role":"root","type":"role","path":"x","data":"eyJrZXlzIjpbXSwicm9sZSI6IngifQ=="}"#,
        ] {
            assert!(WireChange::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
