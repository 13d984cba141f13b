//! Where the secret that encrypts keys at rest comes from: a file, what the configuration gave, or a command.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use thiserror::Error;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::config::SecretSource;
use crate::files::{self, Mode};
use crate::keys::seal::{Secret, SecretLength};

/// Most bytes of a secret's source.
const SOURCE_BYTES: u64 = 4096;
/// How long a command may take.
const COMMAND_DEADLINE: Duration = Duration::from_secs(30);

/// Loads the secret from `source`. The server's own file is made when it is not there and `may_make` says so.
///
/// # Errors
/// - [`SecretError::Lost`]: the file is not there, but keys that were encrypted with it are (`may_make` is false).
/// - [`SecretError::Exposed`]: others may read the file.
pub(crate) async fn load(source: &SecretSource, may_make: bool) -> Result<Arc<Secret>, SecretError> {
    match source {
        SecretSource::Given(secret) => Ok(Arc::clone(secret)),
        SecretSource::Command(command) => of_command(command).await.map(Arc::new),
        SecretSource::File(file) => {
            of_file(file)?.map(Arc::new).ok_or_else(|| SecretError::Lost(file.clone()))
        }
        SecretSource::Own(file) => match of_file(file)? {
            Some(secret) => Ok(Arc::new(secret)),
            None if may_make => make(file).map(Arc::new),
            None => Err(SecretError::Lost(file.clone())),
        },
    }
}

fn of_file(file: &Path) -> Result<Option<Secret>, SecretError> {
    let read = |source| SecretError::File { file: file.to_owned(), source };
    let Some(bytes) = files::read(file, SOURCE_BYTES).map_err(read)? else { return Ok(None) };
    let bytes = Zeroizing::new(bytes);
    if files::is_exposed(file).map_err(read)? {
        return Err(SecretError::Exposed(file.to_owned()));
    }
    let secret = Secret::new(&bytes)
        .map_err(|source| SecretError::Length { from: file.display().to_string(), source })?;
    Ok(Some(secret))
}

fn make(file: &Path) -> Result<Secret, SecretError> {
    let mut random = Zeroizing::new([0; 32]);
    rand::fill(random.as_mut()).map_err(|_| SecretError::Random)?;
    let text = Zeroizing::new(hex::encode(random.as_ref()) + "\n");
    files::replace(file, text.as_bytes(), Mode::Private)
        .map_err(|source| SecretError::File { file: file.to_owned(), source })?;
    Secret::new(text.as_bytes())
        .map_err(|source| SecretError::Length { from: file.display().to_string(), source })
}

async fn of_command(command: &[String]) -> Result<Secret, SecretError> {
    let (program, arguments) = command.split_first().ok_or(SecretError::NoCommand)?;
    let failed = |source: io::Error| SecretError::Command { program: program.clone(), source };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let output = child.stdout.take();
    let run = async {
        let mut secret = Zeroizing::new(Vec::new());
        if let Some(output) = output {
            output.take(SOURCE_BYTES + 1).read_to_end(&mut secret).await?;
        }
        Ok((child.wait().await?, secret))
    };
    let late = |_| failed(io::Error::new(io::ErrorKind::TimedOut, "it did not end within 30 s"));
    let (status, secret) =
        tokio::time::timeout(COMMAND_DEADLINE, run).await.map_err(late)?.map_err(failed)?;
    if !status.success() {
        return Err(failed(io::Error::other(status.to_string())));
    }
    Secret::new(&secret).map_err(|source| SecretError::Length { from: program.clone(), source })
}

/// A secret that is not there or cannot be used. No key was made and nothing was started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The file is gone, and with it every key that was encrypted with its secret.
    #[error("secret file `{}` is missing; the keys in the database cannot be read without it", .0.display())]
    Lost(PathBuf),
    /// The file can be read by others.
    #[error("secret file `{}` can be read by others than its owner; expected mode 0600", .0.display())]
    Exposed(PathBuf),
    /// The file cannot be read or written.
    #[error("secret file `{}` cannot be read or written", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The secret is too short or too long.
    #[error("`{from}` gives no usable secret")]
    Length {
        /// The file or program.
        from: String,
        /// How long it is.
        #[source]
        source: SecretLength,
    },
    /// The command cannot be run, or says that it did not do it.
    #[error("command `{program}` gave no secret")]
    Command {
        /// The program.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The command is empty.
    #[error("the command that gives the secret is empty")]
    NoCommand,
    /// The system gave no random numbers.
    #[error("the system gave no random numbers for a secret")]
    Random,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn own_secret_is_made_once_and_private() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("secret");
        let source = SecretSource::Own(file.clone());
        assert!(matches!(load(&source, false).await, Err(SecretError::Lost(_))));
        load(&source, true).await.expect("made");
        let made = std::fs::read(&file).expect("written");
        assert_eq!(made.len(), 65);
        assert!(!files::is_exposed(&file).expect("there"));
        load(&source, true).await.expect("read");
        assert_eq!(std::fs::read(&file).expect("there"), made);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn secret_file_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("secret");
        files::replace(&file, b"0123456789abcdef", Mode::Public).expect("written");
        assert!(matches!(load(&SecretSource::File(file), true).await, Err(SecretError::Exposed(_))));
    }

    #[tokio::test]
    async fn secret_command_output_is_the_secret_and_failure_is_an_error() {
        let command = |script: &str| SecretSource::Command(["sh", "-c", script].map(str::to_owned).to_vec());
        load(&command("echo 0123456789abcdef"), false).await.expect("a secret");
        assert!(matches!(load(&command("echo short"), false).await, Err(SecretError::Length { .. })));
        assert!(matches!(
            load(&command("echo 0123456789abcdef; exit 1"), false).await,
            Err(SecretError::Command { .. })
        ));
        assert!(matches!(
            load(&command("head -c 9999 /dev/zero"), false).await,
            Err(SecretError::Length { .. } | SecretError::Command { .. })
        ));
        let absent = SecretSource::Command(vec!["/nonexistent/program".to_owned()]);
        assert!(matches!(load(&absent, false).await, Err(SecretError::Command { .. })));
    }
}
