//! Asking a person: the one way in which this library talks and listens.
//!
//! Programs implement [`Prompt`] with their terminal; what is said and asked is composed here, in this library.

use zeroize::Zeroizing;

/// A person who can be told and asked, or nobody.
pub trait Prompt: Send + Sync {
    /// Shows one line. `line` has no line break at its end.
    fn say(&self, line: &str);

    /// Shows `text`, which ends in a space, and reads one line that is not shown as it is typed; then goes to a new line.
    ///
    /// The answer has no line break at its end. `None` means that nobody could be asked, or that the input has ended.
    fn ask_hidden(&self, text: &str) -> Option<Zeroizing<String>>;
}

/// Nobody: every question goes unanswered, and what is said is not heard.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Prompt for Nobody {
    fn say(&self, _line: &str) {}

    fn ask_hidden(&self, _text: &str) -> Option<Zeroizing<String>> {
        None
    }
}
