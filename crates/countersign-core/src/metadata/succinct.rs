//! Hash bins: many delegated roles declared in one line.

use crate::digest::Digest;
use crate::key::KeyId;
use crate::metadata::MetadataError;
use crate::name::RoleName;
use crate::number::Threshold;

/// Most bits of a target name's hash that may choose its bin.
const MAX_BITS: u8 = 32;

/// `2^bit_length` roles that share keys and a threshold; each target name falls into exactly one of them.
///
/// Source: TAP 15; TUF 1.0.34 §4.5 (`succinct_roles`).
#[derive(Clone, Debug, PartialEq)]
pub struct SuccinctRoles {
    name_prefix: String,
    bit_length: u8,
    /// Ids of the keys that may sign any bin.
    pub keyids: Vec<KeyId>,
    /// How many distinct keys must sign.
    pub threshold: Threshold,
}

impl SuccinctRoles {
    /// Bins called `<name_prefix>-<number in hex>`.
    ///
    /// # Errors
    /// [`MetadataError::Bins`]: `bit_length` is not 1 to 32, or the names are no role names.
    pub fn new(
        name_prefix: String,
        bit_length: u8,
        keyids: Vec<KeyId>,
        threshold: Threshold,
    ) -> Result<Self, MetadataError> {
        let bins = Self { name_prefix, bit_length, keyids, threshold };
        if !(1..=MAX_BITS).contains(&bit_length) || bins.bin(0).is_none() {
            return Err(MetadataError::Bins { name_prefix: bins.name_prefix, bit_length });
        }
        Ok(bins)
    }

    /// The role that speaks of the target `name`.
    pub fn role_for(&self, name: &str) -> Option<RoleName> {
        let hash = Digest::sha256(name.as_bytes());
        let first = hash.as_bytes().iter().take(4).fold(0, |bits: u32, byte| (bits << 8) | u32::from(*byte));
        self.bin(first >> (u32::BITS - u32::from(self.bit_length)))
    }

    /// Whether `role` is one of the bins.
    pub fn has(&self, role: &RoleName) -> bool {
        let number = role.as_str().strip_prefix(&self.name_prefix).and_then(|rest| rest.strip_prefix('-'));
        let number = number.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        number.is_some_and(|number| {
            u64::from(number) < 1 << self.bit_length && self.bin(number).as_ref() == Some(role)
        })
    }

    fn bin(&self, number: u32) -> Option<RoleName> {
        let digits = usize::from(self.bit_length.div_ceil(4));
        RoleName::flat(format!("{}-{number:0digits$x}", self.name_prefix)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(bit_length: u8) -> Result<SuccinctRoles, MetadataError> {
        SuccinctRoles::new("bin".to_owned(), bit_length, Vec::new(), Threshold::ONE)
    }

    #[test]
    fn bin_is_chosen_by_the_first_bits() {
        // The SHA-256 of this name begins with 0xe3b0c442.
        for (bits, name) in [(1, "bin-1"), (4, "bin-e"), (5, "bin-1c"), (8, "bin-e3"), (32, "bin-e3b0c442")] {
            let bins = bins(bits).expect("legal");
            let role = bins.role_for("").expect("a role");
            assert_eq!(role.as_str(), name);
            assert!(bins.has(&role));
        }
    }

    #[test]
    fn bins_are_counted_and_written_in_one_way() {
        assert!(bins(0).is_err() && bins(33).is_err());
        let bins = bins(5).expect("legal");
        for stranger in ["bin-20", "bin-1C", "bin-1", "bin-001", "bin-+1", "bin", "other-1c"] {
            let role = RoleName::flat(stranger.to_owned()).expect("a name");
            assert!(!bins.has(&role), "{stranger} was taken for a bin");
        }
    }
}
