//! A small OCI registry, a simulated repository and an attacking proxy: what the demo shows and tests use.
