//! `shim status`: what happens when somebody says `docker`.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::docker::Kind;
use crate::docker::real::{self, Real, SWITCH, is_ours};
use crate::docker::switch;
use crate::exit::ExitStatus;

/// The sentence about the Dockers that verify nothing by themselves.
pub(crate) const RETIRED: &str = "Docker 29 and later accept `DOCKER_CONTENT_TRUST` and `--disable-content-trust` and do nothing: without the shim \
     nothing is verified";
/// Where `sudo` looks for programs, as most systems have it.
const SECURE_PATH: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Tells. Ends with 1 when the shim is not what PATH finds first.
pub(super) fn run(kind: Kind, app: &App) -> anyhow::Result<ExitStatus> {
    let (printer, name) = (app.printer(), kind.name());
    let all = real::all(name);
    let shims: Vec<&PathBuf> = all.iter().filter(|file| is_ours(file)).collect();
    let is_first = all.first().is_some_and(|first| is_ours(first));
    for shim in &shims {
        printer.data(format_args!("shim      {}", shim.display()))?;
    }
    let real = Real::find(name);
    match &real {
        Ok(real) => {
            let version = real.version().unwrap_or_else(|| "of an unknown version".to_owned());
            printer.data(format_args!("real      {}: {version}", real.path().display()))?;
        }
        Err(_) => printer.data(format_args!("real      no other `{name}` is in PATH"))?,
    }
    let value = app.context().variable(SWITCH);
    let on = switch::is_on(value.as_deref());
    let value = value.map_or_else(|| "not set".to_owned(), |value| format!("`{}`", value.to_string_lossy()));
    printer.data(format_args!("trust     {}, {SWITCH} is {value}", if on { "on" } else { "off" }))?;
    match (shims.is_empty(), is_first) {
        (true, _) => printer.warn(format_args!(
            "no shim for {name} is in PATH; `countersign shim install --for {name}` puts one there"
        )),
        (false, false) => printer.warn(format_args!(
            "PATH finds another {name} before the shim, so that nothing is enforced: `{}`",
            all.first().map(|file| file.display().to_string()).unwrap_or_default()
        )),
        (false, true) => {
            let is_secure = |file: &&PathBuf| {
                file.parent().is_some_and(|dir| SECURE_PATH.iter().any(|path| dir == Path::new(path)))
            };
            if !shims.iter().any(is_secure) {
                printer.say(format_args!(
                    "`sudo {name}` looks in the system's directories and does not find the shim; `sudo countersign shim install --for \
                     {name}` puts one there"
                ));
            }
        }
    }
    if kind == Kind::Docker && real.is_ok_and(|real| real.major_version().is_some_and(|major| major >= 29)) {
        printer.say(RETIRED);
    }
    Ok(if is_first { ExitStatus::Success } else { ExitStatus::Failure })
}
