//! Debian's `SoftHSM`: PKCS#11 tokens in a directory.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::present_or_skip;
use crate::command::{Invocation, Output};

/// Where Debian has the module.
const MODULES: [&str; 2] =
    ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"];

/// Tokens of their own for one test, deleted when dropped.
#[derive(Debug)]
pub struct SoftHsm {
    dir: TempDir,
    module: PathBuf,
}

impl SoftHsm {
    /// The PIN of every token.
    pub const PIN: &'static str = "648219";

    /// Prepares for tokens. `None` when `SoftHSM` is not installed: then the test that asks is to return.
    ///
    /// # Panics
    /// When it is missing under CI, or no temporary directory can be made.
    #[track_caller]
    pub fn new_or_skip() -> Option<Self> {
        if !present_or_skip(&["softhsm2-util", "pkcs11-tool"]) {
            return None;
        }
        let module = MODULES.iter().map(PathBuf::from).find(|module| module.is_file());
        let module = module.expect("SoftHSM has its module where Debian puts it");
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let tokens = dir.path().join("tokens");
        fs::create_dir(&tokens).expect("a directory can be made");
        let config = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens.display()
        );
        fs::write(dir.path().join("softhsm2.conf"), config).expect("a file can be written");
        Some(Self { dir, module })
    }

    /// The module.
    pub fn module(&self) -> &Path {
        &self.module
    }

    /// The configuration, for the variable `SOFTHSM2_CONF` of whoever loads the module.
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("softhsm2.conf")
    }

    /// The directory with a directory for each token.
    pub fn tokens(&self) -> PathBuf {
        self.dir.path().join("tokens")
    }

    /// Sets up another token.
    ///
    /// # Panics
    /// When that fails.
    pub fn add_token(&self, label: &str) {
        let args = ["--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", Self::PIN];
        self.with_config(Invocation::of("softhsm2-util").args(args)).run().expect_success();
    }

    /// Runs `OpenSC`'s `pkcs11-tool` with `args`, logged in.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn pkcs11_tool(&self, args: &[&str]) -> Output {
        let tool = Invocation::of("pkcs11-tool").arg("--module").arg(&self.module);
        self.with_config(tool.args(["--login", "--pin", Self::PIN]).args(args)).run()
    }

    fn with_config(&self, invocation: Invocation) -> Invocation {
        invocation.env("SOFTHSM2_CONF", self.config()).dir(self.dir.path())
    }
}
