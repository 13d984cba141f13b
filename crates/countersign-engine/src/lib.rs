//! Container engines behind one trait; the built-in one is the local OCI layout store.
