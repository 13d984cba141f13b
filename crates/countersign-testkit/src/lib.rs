//! Fixed keys and times, launchers of real peers, command and terminal runners for tests.
