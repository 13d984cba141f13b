//! A command of Docker or podman: whether trust is on, what is done about it, and who does it.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::job::{Job, UsageError, usage_of};
use super::line::{LineError, read};
use super::program::EngineCli;
use super::real::{Real, SWITCH};
use super::required::{Required, SwitchedOff};
use super::verbs::{Covered, Found, Verb};
use super::words::Manner;
use super::{Kind, learn, own, plugin, reading, switch, unsigned, words};
use crate::exit::ExitStatus;
use crate::output::Printer;
use crate::policy::PolicyError;
use crate::{SYSTEM_POLICY, report};

/// A command of Docker or podman.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Whose command line it is.
    pub(crate) kind: Kind,
    /// The name that the program was started by.
    pub(crate) name: OsString,
    /// What follows it.
    pub(crate) args: Vec<OsString>,
    /// Whether it is one of our own verbs, for which trust is on unless its flag says otherwise.
    pub(crate) own: bool,
    /// Docker's configuration directory, where our own verb names one.
    pub(crate) config: Option<PathBuf>,
    /// Whether only what was asked for is wanted.
    pub(crate) quiet: bool,
}

impl Call {
    /// The call that the shim was started for, if it is one of Docker's or podman's.
    pub(crate) fn of_shim(args: &[OsString]) -> Option<Self> {
        let name = args.first()?;
        let kind = match Path::new(name).file_name()?.to_str()? {
            "docker" => Kind::Docker,
            "podman" => Kind::Podman,
            _ => return None,
        };
        let (name, args) = (name.clone(), args[1..].to_vec());
        Some(Self { kind, name, args, own: false, config: None, quiet: false })
    }

    /// Does what it says.
    pub(crate) fn run(self) -> ExitStatus {
        let on = self.own || switch::is_on(std::env::var_os(SWITCH).as_deref());
        // Whatever could be about trust is looked at closely; all else is none of our business.
        let concerns = |arg: &OsString| {
            arg.as_bytes().starts_with(b"--disable-content-trust") || arg == "trust" || arg == "push"
        };
        // What the system's policy requires, nothing switches off.
        let switches = self.args.iter().any(|arg| arg.as_bytes().starts_with(b"--disable-content-trust"));
        let required = if on && !switches { Ok(None) } else { Required::load(Path::new(SYSTEM_POLICY)) };
        if !on && matches!(required, Ok(None)) && !self.args.iter().any(concerns) {
            return match Real::find(self.kind.name()) {
                Ok(real) => self.hand_over(&real),
                Err(error) => self.fail(&error.to_string()),
            };
        }
        self.look_closely(on, required)
    }

    fn look_closely(self, on: bool, required: Result<Option<Required>, PolicyError>) -> ExitStatus {
        let is_strict = on || !matches!(required, Ok(None));
        let real = match Real::find(self.kind.name()) {
            Ok(real) => real,
            Err(error) => return self.fail(&error.to_string()),
        };
        let found = self.kind.find(&self.args, &mut || {
            if is_strict || self.asks_for_trust() { learn::ask(&real, "") } else { Vec::new() }
        });
        let found = match found {
            Ok(found) => found,
            Err(error) => return self.cannot_tell(&error, "", is_strict, &real),
        };
        match (found.verb, required) {
            (Verb::Trust, _) => plugin::trust(&self.args),
            (Verb::Passes, _) => self.hand_over(&real),
            (Verb::Refused(_), Ok(None)) if !on => self.hand_over(&real),
            // Nobody knows what it requires.
            (Verb::Refused(_) | Verb::Covered(_), Err(error)) => {
                self.fail(&format!("{}; nothing was done", report::one_line(&error)))
            }
            (Verb::Refused(_), Ok(Some(required))) => {
                let by = required.first();
                self.refuse(&found.words, &format!("no variable switches off what {by} requires"))
            }
            (Verb::Refused(way), Ok(None)) => self.refuse(&found.words, way),
            (Verb::Covered(covered), Ok(required)) => self.covered(covered, found, on, required, &real),
        }
    }

    fn covered(
        self,
        covered: Covered,
        found: Found,
        on: bool,
        required: Option<Required>,
        real: &Real,
    ) -> ExitStatus {
        // What is typed is Docker's, what is run may be podman.
        let kind = if self.kind == Kind::Docker && real.is_podman() { Kind::Podman } else { self.kind };
        let (flags, order) = reading(kind, covered);
        // With trust off, an unknown flag is nobody's business here.
        let is_strict = on || required.is_some();
        let may_ask = is_strict || self.asks_for_trust();
        let mut learned = None;
        let mut learn = || {
            let ask = || {
                let mut learned = if may_ask { learn::ask(real, &found.words) } else { Vec::new() };
                learned.extend(self.own.then(own::engine_flag));
                learned
            };
            learned.get_or_insert_with(ask).clone()
        };
        let line = match read(&self.args, found.rest, &flags, order, &mut learn) {
            Ok(line) => line,
            Err(error) => return self.cannot_tell(&error, &found.words, is_strict, real),
        };
        if line.is_on("help") {
            return self.hand_over(real);
        }
        let on = match switch::of_line(&line, on) {
            Ok(on) => on,
            Err(value) => return self.bad_switch(&value, &found.words),
        };
        let manner = match covered {
            Covered::Run => Manner::Run,
            Covered::ServiceCreate | Covered::ServiceUpdate => Manner::Service,
            _ => Manner::Plain,
        };
        let required = required.filter(|_| !on);
        let by = required.as_ref().and_then(|required| required.by(kind, covered, &line, &self.args));
        if let Some(by) = by.clone().filter(|_| line.last(switch::FLAG).is_some()) {
            let printer = Printer::of_process(false);
            return ExitStatus::Dockers(words::tell(
                &SwitchedOff(by).into(),
                manner,
                self.kind.name(),
                &printer,
            ));
        }
        let on = on || by.is_some();
        let args = own::without(&self.args, &line, &[switch::FLAG, own::ENGINE]);
        if !on {
            if covered == Covered::Push {
                unsigned::warn(&self.args, &line, found.config);
            }
            // podman never had the meaning of this flag, and Docker 29 has lost it.
            let args = if kind == Kind::Podman || self.own { args } else { self.args.clone() };
            return Self { args, ..self }.hand_over(real);
        }
        // Read once more, for the places have changed.
        let line = match read(&args, found.rest, &flags, order, &mut learn) {
            Ok(line) => line,
            Err(error) => return self.cannot_tell(&error, &found.words, true, real),
        };
        let globals = self.args[..found.globals].to_vec();
        let engine = EngineCli::new(kind, real.clone(), globals);
        // Docker's `push` is never quiet when it signs.
        let is_quiet = self.quiet || (line.is_on("quiet") && covered != Covered::Push);
        let printer = Arc::new(Printer::of_process(is_quiet));
        let config = found.config.as_ref().map(PathBuf::from).or(self.config);
        let start = Job::start(config, &printer);
        let outcome = start.and_then(|(app, runtime)| {
            let daemon = OnceCell::new();
            Job { engine, name: self.name, args, found, line, app, runtime, required, daemon }.run(covered)
        });
        outcome.unwrap_or_else(|error| {
            if let Some(usage) = error.downcast_ref::<UsageError>() {
                return usage.tell(self.kind, &printer);
            }
            let code = words::tell(&error, manner, self.kind.name(), &printer);
            if let Some(by) = by {
                printer.hint(format_args!("trust is on because {by} requires it"));
            }
            ExitStatus::Dockers(code)
        })
    }

    /// Whether it may switch trust on by its flag.
    fn asks_for_trust(&self) -> bool {
        self.args.iter().any(|arg| arg.as_bytes().starts_with(b"--disable-content-trust="))
    }

    /// Becomes the real program. Returns if that can't be.
    fn hand_over(&self, real: &Real) -> ExitStatus {
        let error = real.become_it(&self.name, &self.args);
        self.fail(&format!("cannot run `{}`: {error}", real.path().display()))
    }

    fn fail(&self, text: &str) -> ExitStatus {
        Printer::of_process(false).tell(format_args!("{}: {text}", self.kind.name()));
        if self.own { ExitStatus::Dockers(words::NOT_STARTED) } else { ExitStatus::Failure }
    }

    fn refuse(&self, words: &str, way: &str) -> ExitStatus {
        let (printer, name) = (Printer::of_process(false), self.kind.name());
        let words = words.escape_default();
        printer.tell(format_args!(
            "{name}: content trust does not cover `{name} {words}`, which could start an image that nobody verified; nothing was done"
        ));
        printer.hint(way);
        ExitStatus::Failure
    }

    /// A command line of which nobody can tell where its image is. Without trust that is the real program's business.
    fn cannot_tell(&self, error: &LineError, words: &str, on: bool, real: &Real) -> ExitStatus {
        if !on && !self.asks_for_trust() {
            return self.hand_over(real);
        }
        let printer = Printer::of_process(false);
        let why = "so it can't be told which word is the image; nothing was done";
        let why = if matches!(error, LineError::Unknown(_) | LineError::UnknownShort { .. }) {
            format!("neither countersign nor the help of `{}` knows it, {why}", real.path().display())
        } else {
            String::new()
        };
        ExitStatus::Dockers(words::usage(&error.to_string(), &why, self.kind.name(), words, &printer))
    }

    /// Source: docker/cli `cli/cobra.go`; the words are pflag's.
    fn bad_switch(&self, value: &str, words: &str) -> ExitStatus {
        let text = format!(
            "invalid argument \"{value}\" for \"--{}\" flag: strconv.ParseBool: parsing \"{value}\": invalid syntax",
            switch::FLAG
        );
        let printer = Printer::of_process(false);
        let usage = usage_of(words);
        if !usage.is_empty() {
            printer.tell(format_args!("{text}\n\nUsage:  {} {words} {usage}", self.kind.name()));
            return ExitStatus::Dockers(words::usage("", "", self.kind.name(), words, &printer));
        }
        ExitStatus::Dockers(words::usage(&text, "", self.kind.name(), words, &printer))
    }
}
