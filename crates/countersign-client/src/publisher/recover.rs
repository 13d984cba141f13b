//! Recovery: other keys in place of lost ones.

mod lost_root;
mod pair;
mod second_root;
mod served;

pub use self::lost_root::{LostRoot, NewRoot};
pub use self::pair::{LostPair, PairRecovery, Recovered};
pub use self::served::{Found, FoundIn};
