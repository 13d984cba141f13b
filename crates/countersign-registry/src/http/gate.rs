//! One first connection per host.
//!
//! Several requests to a host that was never connected to would each open a connection. All but the first wait here until
//! it is known whether the host speaks HTTP/2: if so, they share the connection that there is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// Which hosts were connected to.
#[derive(Clone, Default)]
pub(super) struct Gates(Arc<Mutex<HashMap<String, Gate>>>);

enum Gate {
    /// The first connection is being made; the channel closes when it is known how that went.
    Opening(watch::Receiver<()>),
    Open,
}

/// How a request goes on.
pub(super) enum Entry {
    /// It makes the first connection, and says so to the [`First`] when there is one.
    First(First),
    /// It goes on, after [`wait`].
    After(watch::Receiver<()>),
    /// It goes on at once.
    Free,
}

impl Gates {
    pub(super) fn enter(&self, host: &str) -> Entry {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match gates.get(host) {
            Some(Gate::Open) => Entry::Free,
            Some(Gate::Opening(known)) => Entry::After(known.clone()),
            None => {
                let (closing, known) = watch::channel(());
                gates.insert(host.to_owned(), Gate::Opening(known));
                Entry::First(First {
                    gates: self.clone(),
                    host: host.to_owned(),
                    succeeded: false,
                    _closing: closing,
                })
            }
        }
    }
}

/// Waits until it is known how the first connection went; either way the request then goes on.
pub(super) async fn wait(mut known: watch::Receiver<()>) {
    while known.changed().await.is_ok() {}
}

/// The request that makes the first connection. Dropping it lets the others go on.
pub(super) struct First {
    gates: Gates,
    host: String,
    succeeded: bool,
    _closing: watch::Sender<()>,
}

impl First {
    /// There is a connection.
    pub(super) fn connected(mut self) {
        self.succeeded = true;
    }
}

impl Drop for First {
    fn drop(&mut self) {
        let mut gates = self.gates.0.lock().unwrap_or_else(PoisonError::into_inner);
        if self.succeeded {
            gates.insert(self.host.clone(), Gate::Open);
        } else {
            gates.remove(&self.host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn others_wait_for_the_first_and_only_for_it() {
        let gates = Gates::default();
        let Entry::First(first) = gates.enter("a") else { panic!("nobody was here before") };
        let Entry::After(known) = gates.enter("a") else { panic!("the first is still connecting") };
        assert!(matches!(gates.enter("b"), Entry::First(_)));
        first.connected();
        wait(known).await;
        assert!(matches!(gates.enter("a"), Entry::Free));
    }

    #[tokio::test]
    async fn first_that_fails_lets_the_others_try() {
        let gates = Gates::default();
        let Entry::First(first) = gates.enter("a") else { panic!("nobody was here before") };
        let Entry::After(known) = gates.enter("a") else { panic!("the first is still connecting") };
        drop(first);
        wait(known).await;
        assert!(matches!(gates.enter("a"), Entry::First(_)));
    }
}
