//! Connections that are not made by TCP: a socket in the file system, another program.

use std::fmt;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;

use super::stream::BoxDuplex;

/// Makes connections to one place, whatever host a request names.
#[async_trait]
pub trait Dial: Send + Sync {
    /// One more connection.
    async fn dial(&self) -> io::Result<BoxDuplex>;
}

/// A shared [`Dial`].
#[derive(Clone)]
pub struct Dialer(Arc<dyn Dial>);

impl Dialer {
    /// Makes every connection with `dial`.
    pub fn new(dial: Arc<dyn Dial>) -> Self {
        Self(dial)
    }

    pub(super) async fn dial(&self) -> io::Result<BoxDuplex> {
        self.0.dial().await
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dialer(..)")
    }
}
