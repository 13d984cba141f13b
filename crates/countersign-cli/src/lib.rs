//! The countersign command.
