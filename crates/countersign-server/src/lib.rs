//! The trust server: HTTP API, validation, storage and timestamping.
