//! Gets and publishes trust: drives the core with a trust server, a cache, keys and a prompt.
