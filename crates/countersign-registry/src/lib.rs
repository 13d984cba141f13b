//! Image references, the OCI distribution client, credentials and the local OCI layout store.
