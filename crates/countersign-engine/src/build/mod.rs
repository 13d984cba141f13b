//! The input of an image build: every image that it brings in, pinned or refused before anything is sent to an engine.
//!
//! A Dockerfile is read as Docker's own builders read it ([`Dockerfile`]), its images are found ([`plan`]), the caller
//! resolves them to trusted digests, and the file is written again with `name@sha256:…` in their place
//! ([`BuildPlan::rewrite`]). What can't be known before the build is refused, with its line. The result is read once more,
//! and nothing leaves this module while an image in it is not pinned.
//!
//! It owns no trust decisions: which digest is trusted is the caller's to know.
//!
//! ```
//! use std::collections::BTreeMap;
//! use countersign_core::digest::Digest;
//! use countersign_engine::build::{BuildInputs, Builder, Dockerfile, plan};
//! let dockerfile = Dockerfile::parse(b"ARG V=3\nFROM alpine:$V AS base\nFROM base\n")?;
//! let plan = plan(&dockerfile, &BuildInputs::new(Builder::BuildKit))?;
//! let image = plan.unresolved().remove(0);
//! assert_eq!(image.familiar(), "alpine:3");
//! let digest = Digest::sha256(b"a manifest");
//! let pinned = plan.rewrite(&BTreeMap::from([(image, digest)]))?;
//! assert_eq!(String::from_utf8_lossy(&pinned), format!("ARG V=3\nFROM alpine@{digest} AS base\nFROM base\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build_flags;
mod context;
mod contexts;
mod directive;
mod dockerfile;
mod error;
mod flag_images;
mod flags;
mod glob;
mod hand_over;
mod heredoc;
mod inputs;
mod mount;
mod onbuild;
mod plan;
mod planner;
mod prepare;
mod rewrite;
mod shell;
mod source_policy;
mod stages;
mod text;
mod variables;

pub use build_flags::BuildFlags;
pub use context::{ArchiveProblem, ContextError, DEFAULT_ARCHIVE_BYTES, Source, find_dockerfile};
pub use contexts::NamedContexts;
pub use dockerfile::Dockerfile;
pub use error::{BuildRefusal, DockerfileError, DockerfileProblem, Reason, RefusalPlace};
pub use hand_over::Prepared;
pub use inputs::{BuildInputs, Builder};
pub use onbuild::{MAX_CONFIG_BYTES, OnbuildError, verify_base, verify_config};
pub use plan::{BuildPlan, ImageUse, Place, UseKind, plan};
pub use prepare::{Base, Build, BuildError, PrepareError, Resolve, prepare_build};
pub use shell::ShellError;
pub use source_policy::{SOURCE_POLICY_VARIABLE, source_policy};

/// Longest Dockerfile, in bytes.
pub const MAX_DOCKERFILE_BYTES: usize = 2 << 20;
/// Longest line, in bytes, its end not counted: one more and Docker refuses it.
///
/// Source: Go `bufio.MaxScanTokenSize`, which counts the line's end.
pub const MAX_LINE_BYTES: usize = (64 << 10) - 2;
