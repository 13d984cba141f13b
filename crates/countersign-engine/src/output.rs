//! What an engine says while it moves images, and who draws it.

use countersign_registry::transfer::{Progress, Silent};

/// Hears what an engine says while it pulls or pushes. Called often: it must return at once.
///
/// One of two ways is used for the parts of an image: [`Progress::report`] by the engine that moves them itself, and
/// [`Output::part`] for what a daemon says of them.
pub trait Output: Progress {
    /// A line about the whole: `The push refers to repository [docker.io/library/app]`.
    fn line(&self, line: &str);

    /// Something about one part of the image, in a daemon's words. Parts whose id was heard before are the same part.
    fn part(&self, part: &Part<'_>);
}

/// A part of an image, as a daemon speaks of it. Texts hold no control characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Part<'a> {
    /// Its name, mostly the first digits of a digest.
    pub id: &'a str,
    /// What happens to it: `Downloading`.
    pub status: &'a str,
    /// How far that is.
    pub count: Count<'a>,
}

/// How far something is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Count<'a> {
    /// What is done.
    pub current: u64,
    /// The whole; 0 if that isn't known.
    pub total: u64,
    /// What is counted; bytes, if it is empty.
    pub units: &'a str,
}

impl Count<'_> {
    /// Whether nothing is counted.
    pub fn is_none(&self) -> bool {
        self.current == 0 && self.total == 0
    }
}

impl Output for Silent {
    fn line(&self, _: &str) {}

    fn part(&self, _: &Part<'_>) {}
}
