//! One share, and the text that is written down.
//!
//! The text is Bech32: letters and digits that are hard to mistake for one another, with a checksum that finds a typing error.
//!
//! | Bytes | What |
//! |---|---|
//! | 1 | the version, 1 |
//! | 3 | how many shares are needed, how many there are, and the number of this one |
//! | 4 | random, the same for all shares of one split |
//! | 8 | how the key's id begins |
//! | 32 | the value |

use std::fmt;
use std::str::FromStr;

use countersign_core::key::KeyId;
use zeroize::Zeroizing;

use super::{RecoveryError, SECRET_BYTES, Shares};
use crate::bech32;

pub(super) const SET_BYTES: usize = 4;
pub(super) const KEY_ID_BYTES: usize = 8;

const PREFIX: &str = "csroot";
const VERSION: u8 = 1;
const BYTES: usize = 4 + SET_BYTES + KEY_ID_BYTES + SECRET_BYTES;
/// Characters that are written together.
const GROUP: usize = 8;

/// A share of a recovery key. `Debug` says which one, and not what is in it.
pub struct Share {
    shares: Shares,
    number: u8,
    set: [u8; SET_BYTES],
    key_id: [u8; KEY_ID_BYTES],
    value: Zeroizing<Vec<u8>>,
}

impl Share {
    pub(super) fn new(
        shares: Shares,
        number: u8,
        set: [u8; SET_BYTES],
        id: KeyId,
        value: Zeroizing<Vec<u8>>,
    ) -> Self {
        let mut key_id = [0; KEY_ID_BYTES];
        key_id.copy_from_slice(&id.as_bytes()[..KEY_ID_BYTES]);
        Self { shares, number, set, key_id, value }
    }

    /// How many there are of its kind.
    pub fn shares(&self) -> Shares {
        self.shares
    }

    /// Its number, from 1.
    pub fn number(&self) -> u8 {
        self.number
    }

    pub(super) fn key_id(&self) -> &[u8; KEY_ID_BYTES] {
        &self.key_id
    }

    pub(super) fn value(&self) -> &[u8] {
        &self.value
    }

    /// The same with another value, as a forger would make it.
    #[cfg(test)]
    pub(super) fn forged(self, value: Vec<u8>) -> Self {
        Self { value: Zeroizing::new(value), ..self }
    }

    pub(super) fn is_of_same_set(&self, other: &Self) -> bool {
        (self.shares, self.set, self.key_id) == (other.shares, other.set, other.key_id)
    }

    /// What is written down: 91 characters in groups of eight.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES));
        bytes.extend_from_slice(&[VERSION, self.shares.needed, self.shares.total, self.number]);
        bytes.extend_from_slice(&self.set);
        bytes.extend_from_slice(&self.key_id);
        bytes.extend_from_slice(&self.value);
        let plain = Zeroizing::new(bech32::encode(PREFIX, &bytes));
        let mut text = Zeroizing::new(String::with_capacity(plain.len() + plain.len() / GROUP));
        for (index, letter) in plain.chars().enumerate() {
            if index > 0 && index % GROUP == 0 {
                text.push(' ');
            }
            text.push(letter);
        }
        text
    }

    /// Finds a share in a text of whatever else, such as the page that it was printed on: in the lines from the one that begins
    /// as a share does, to an empty one.
    ///
    /// # Errors
    /// [`RecoveryError::NoShare`].
    pub fn find(text: &str) -> Result<Self, RecoveryError> {
        let begins = |line: &&str| !line.trim_start().to_ascii_lowercase().starts_with("csroot1");
        let lines = text.lines().skip_while(begins).take_while(|line| !line.trim().is_empty());
        Zeroizing::new(lines.collect::<String>()).parse()
    }
}

impl FromStr for Share {
    type Err = RecoveryError;

    /// Reads what [`Share::to_text`] writes; white space and hyphens don't matter.
    fn from_str(text: &str) -> Result<Self, RecoveryError> {
        let mut plain = Zeroizing::new(String::with_capacity(text.len()));
        plain.extend(text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-'));
        let bytes = Zeroizing::new(bech32::decode(PREFIX, &plain).ok_or(RecoveryError::NoShare)?);
        let [VERSION, needed, total, number, rest @ ..] = bytes.as_slice() else {
            return Err(RecoveryError::NoShare);
        };
        let shares = Shares::new(*needed, *total).map_err(|_| RecoveryError::NoShare)?;
        if bytes.len() != BYTES || *number == 0 || number > total {
            return Err(RecoveryError::NoShare);
        }
        let (set, rest) = rest.split_at(SET_BYTES);
        let (key_id, value) = rest.split_at(KEY_ID_BYTES);
        let (Ok(set), Ok(key_id)) = (set.try_into(), key_id.try_into()) else {
            return Err(RecoveryError::NoShare);
        };
        Ok(Self { shares, number: *number, set, key_id, value: Zeroizing::new(value.to_vec()) })
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} of {})", self.number, self.shares.total)
    }
}
