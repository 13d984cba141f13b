//! Whether content trust is on.
//!
//! Source: docker/cli `cmd/docker/docker.go`, `cli/command/cli.go` (`DOCKER_CONTENT_TRUST`), `cli/command/trust.go`.

use std::ffi::OsStr;

use super::line::{Line, parse_bool};

/// The flag that wins over the variable.
pub(crate) const FLAG: &str = "disable-content-trust";

/// Whether the variable says so: every value but those that are false, or none.
pub(crate) fn is_on(variable: Option<&OsStr>) -> bool {
    match variable {
        None => false,
        Some(value) if value.is_empty() => false,
        Some(value) => value.to_str().and_then(parse_bool) != Some(false),
    }
}

/// Whether trust is on for one command: its flag, then the variable. The error is a value that is no boolean.
pub(crate) fn of_line(line: &Line, variable: bool) -> Result<bool, String> {
    let mut on = variable;
    for flag in line.flags.iter().filter(|flag| flag.name == FLAG) {
        on = match &flag.value {
            None => false,
            Some(value) => {
                let bad = || value.to_string_lossy().into_owned();
                !value.to_str().and_then(parse_bool).ok_or_else(bad)?
            }
        };
    }
    Ok(on)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::docker::flags;
    use crate::docker::line::{Order, read};

    #[test]
    fn variable_that_is_not_false_is_on() {
        for off in ["", "0", "f", "F", "false", "FALSE", "False"] {
            assert!(!is_on(Some(OsStr::new(off))), "{off:?}");
        }
        for on in ["1", "t", "T", "true", "TRUE", "True", "no", "off", "yes", "enabled", " 0", "fAlse"] {
            assert!(is_on(Some(OsStr::new(on))), "{on:?}");
        }
        assert!(!is_on(None));
    }

    #[test]
    fn flag_wins_over_the_variable_both_ways_and_the_last_one_counts() {
        let on = |text: &str, variable| {
            let args: Vec<_> = text.split(' ').map(OsString::from).collect();
            let line = read(&args, 0, &flags::DOCKER_TRANSFER, Order::Mixed, &mut Vec::new);
            of_line(&line.expect("it can be read"), variable)
        };
        assert_eq!(on("x", true), Ok(true));
        assert_eq!(on("x", false), Ok(false));
        assert_eq!(on("--disable-content-trust x", true), Ok(false));
        assert_eq!(on("--disable-content-trust=false x", false), Ok(true));
        assert_eq!(on("--disable-content-trust=f --disable-content-trust=1 x", true), Ok(false));
        assert_eq!(on("x --disable-content-trust=no", true), Err("no".to_owned()));
    }
}
