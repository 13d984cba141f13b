//! Whether the policy of this machine would trust the root that a recovery from a lost root publishes.

use countersign_core::key::KeyId;

use super::RecoverError;
use crate::policy::{Decision, FirstUse, Pin};

/// Refuses a root key that a pin does not name, and one that nothing pins where a first use without a pin is refused. Without
/// `root_key` a key is made, which nobody can have pinned.
pub(super) fn admit_root_key(root_key: Option<KeyId>, decision: &Decision) -> Result<(), RecoverError> {
    let gun = decision.gun.clone();
    match &decision.pin {
        Some(pin) => match &pin.value {
            Pin::Keys { ids, .. } if root_key.is_some_and(|key| ids.contains(&key)) => Ok(()),
            Pin::Keys { .. } | Pin::Authorities(_) => Err(RecoverError::Pinned { gun, by: pin.by.clone() }),
        },
        None if decision.first_use.value == FirstUse::Refuse => {
            Err(RecoverError::FirstUse { gun, by: decision.first_use.by.clone() })
        }
        None => Ok(()),
    }
}
