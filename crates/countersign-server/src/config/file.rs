//! Which settings there are, and what each may be.

use std::ffi::OsString;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use toml::Table;

use super::read::{Section, expected_time, parse_time};
use super::{Config, ConfigError, Flags, Problem, SecretSource, TlsSource};
use crate::keys::KeyAlgorithm;
use crate::keys::seal::Secret;

/// Largest configuration file, in bytes.
const FILE_BYTES: u64 = 1 << 20;
/// Longest lifetime of what the server signs, in days.
const LIFETIME_DAYS: u64 = 3650;
/// Largest max-age, in seconds.
const YEAR: u64 = 31_536_000;

type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

pub(super) fn load(
    data: &Path,
    file: Option<&Path>,
    flags: &Flags,
    variable: Lookup<'_>,
) -> Result<Config, ConfigError> {
    let mut problems = Vec::new();
    let table = match file.map(read).transpose() {
        Ok(table) => table.unwrap_or_default(),
        Err(problem) => return Err(ConfigError { problems: vec![problem] }),
    };
    let base = file.and_then(Path::parent).unwrap_or(Path::new(""));
    let config = parse(table, base, data, flags, variable, &mut problems);
    if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
}

fn read(file: &Path) -> Result<Table, Problem> {
    let problem = |what: String| Problem { key: file.display().to_string(), what };
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(FILE_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| problem(format!("it cannot be read: {error}")))?;
    if text.len() as u64 > FILE_BYTES {
        return Err(problem(format!("it has more than {FILE_BYTES} bytes")));
    }
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
        problem(format!("line {line} is not TOML: {}", error.message()))
    })
}

fn parse(
    mut table: Table,
    base: &Path,
    data: &Path,
    flags: &Flags,
    variable: Lookup<'_>,
    problems: &mut Vec<Problem>,
) -> Config {
    let mut tls = Section::inner(&mut table, "tls", problems);
    let source = tls_source(&mut tls, base, flags);
    tls.finish();

    let mut storage = Section::inner(&mut table, "storage", problems);
    let database = storage.text("file");
    storage.finish();

    let mut keys = Section::inner(&mut table, "keys", problems);
    let key_algorithm =
        keys.take("algorithm", "`ecdsa` or `ed25519`", |value| KeyAlgorithm::of_name(value.as_str()?));
    let secret = secret_source(&mut keys, base, variable);
    keys.finish();

    let mut config = Config::new(data);
    let mut expiry = Section::inner(&mut table, "expiry", problems);
    expiry.time("timestamp", LIFETIME_DAYS, &mut config.lifetimes.timestamp);
    expiry.time("snapshot", LIFETIME_DAYS, &mut config.lifetimes.snapshot);
    expiry.finish();

    let mut limits = Section::inner(&mut table, "limits", problems);
    limits.number("upload_bytes", 1, 1 << 32, &mut config.limits.upload_bytes);
    limits.number("part_bytes", 1, 1 << 32, &mut config.limits.part_bytes);
    limits.number("parts", 1, 1 << 16, &mut config.limits.parts);
    limits.number("uploads", 1, 1 << 16, &mut config.limits.uploads);
    limits.number("connections", 1, 1 << 20, &mut config.limits.connections);
    limits.number("pending_keys", 1, 1 << 24, &mut config.limits.pending_keys);
    limits.finish();

    let mut caching = Section::inner(&mut table, "caching", problems);
    caching.number("current_metadata", 0, YEAR, &mut config.caching.current_metadata);
    caching.number("consistent_metadata", 0, YEAR, &mut config.caching.consistent_metadata);
    caching.finish();

    let mut deadlines = Section::inner(&mut table, "deadlines", problems);
    deadlines.time("request", 1, &mut config.deadlines.request);
    deadlines.time("header", 1, &mut config.deadlines.header);
    deadlines.time("handshake", 1, &mut config.deadlines.handshake);
    deadlines.time("shutdown", 1, &mut config.deadlines.shutdown);
    deadlines.finish();

    let mut top = Section::top(table, problems);
    let listen = top.text("listen");
    let own_data = top.text("data").map(|path| base.join(path));
    top.finish();

    let data = flags.data.clone().or(own_data).unwrap_or_else(|| data.to_owned());
    let defaults = Config::new(&data);
    Config {
        listen: listen_address(listen, flags, defaults.listen, &source, problems),
        tls: source,
        database: database.map_or(defaults.database, |path| base.join(path)),
        secret: secret.unwrap_or(defaults.secret),
        key_algorithm: key_algorithm.unwrap_or_default(),
        lifetimes: super::Lifetimes {
            timestamp: flag_lifetime(flags, problems).unwrap_or(config.lifetimes.timestamp),
            ..config.lifetimes
        },
        data,
        ..config
    }
}

fn tls_source(tls: &mut Section<'_>, base: &Path, flags: &Flags) -> TlsSource {
    let mut names = tls.texts("names").unwrap_or_default();
    names.extend(flags.names.iter().cloned());
    let certificate = tls.text("certificate").map(|path| base.join(path));
    let private_key = tls.text("private_key").map(|path| base.join(path));
    let plaintext = tls.flag("plaintext") || flags.plaintext;
    let (certificate, private_key) =
        (flags.certificate.clone().or(certificate), flags.private_key.clone().or(private_key));
    for name in &names {
        if !is_host(name) {
            tls.refuse("names", format!("`{}` is no DNS name and no IP address", name.escape_debug()));
        }
    }
    let files = certificate.is_some() || private_key.is_some();
    if plaintext && (files || !names.is_empty()) {
        tls.refuse("plaintext", "a certificate or its names are configured too");
    }
    if files && !names.is_empty() {
        tls.refuse("names", "they are of the self-made certificate, but another one is configured");
    }
    match (certificate, private_key) {
        (Some(certificate), Some(private_key)) => TlsSource::Files { certificate, private_key },
        (None, None) if plaintext => TlsSource::Plaintext,
        (None, None) => TlsSource::SelfMade { names },
        (Some(_), None) => missing(tls, "private_key", "certificate"),
        (None, Some(_)) => missing(tls, "certificate", "private_key"),
    }
}

fn missing(tls: &mut Section<'_>, key: &str, other: &str) -> TlsSource {
    tls.refuse(key, format!("it is missing, `{other}` is there"));
    TlsSource::SelfMade { names: Vec::new() }
}

fn secret_source(keys: &mut Section<'_>, base: &Path, variable: Lookup<'_>) -> Option<SecretSource> {
    let file = keys.text("secret_file").map(|path| SecretSource::File(base.join(path)));
    let command = keys.texts("secret_command").map(SecretSource::Command);
    let named = keys.text("secret_variable");
    let sources = usize::from(file.is_some()) + usize::from(command.is_some()) + usize::from(named.is_some());
    if sources > 1 {
        keys.refuse(
            "secret_file",
            "only one of `secret_file`, `secret_variable` and `secret_command` can be",
        );
    }
    let given = named.and_then(|name| match variable(&name) {
        None => {
            keys.refuse("secret_variable", format!("variable `{}` is not set", name.escape_debug()));
            None
        }
        Some(value) => match Secret::new(value.as_encoded_bytes()) {
            Ok(secret) => Some(SecretSource::Given(Arc::new(secret))),
            Err(error) => {
                keys.refuse("secret_variable", error.to_string());
                None
            }
        },
    });
    file.or(command).or(given)
}

fn listen_address(
    text: Option<String>,
    flags: &Flags,
    default: SocketAddr,
    tls: &TlsSource,
    problems: &mut Vec<Problem>,
) -> SocketAddr {
    let mut refuse = |what: String| problems.push(Problem { key: "listen".to_owned(), what });
    let Some(text) = flags.listen.clone().or(text) else { return default };
    let Ok(address) = text.parse::<SocketAddr>() else {
        refuse(format!("`{}` is no address and port such as `127.0.0.1:4443`", text.escape_debug()));
        return default;
    };
    if *tls == TlsSource::Plaintext && !address.ip().is_loopback() {
        refuse(format!("{address} is not loopback, and without TLS nothing else is served"));
    }
    address
}

fn flag_lifetime(flags: &Flags, problems: &mut Vec<Problem>) -> Option<std::time::Duration> {
    let text = flags.timestamp_lifetime.as_deref()?;
    let time = parse_time(text, LIFETIME_DAYS);
    if time.is_none() {
        let what = format!("expected {}", expected_time(LIFETIME_DAYS));
        problems.push(Problem { key: "expiry.timestamp".to_owned(), what });
    }
    time
}

fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let name = name.strip_prefix("*.").unwrap_or(name);
    name.parse::<IpAddr>().is_ok() || (name.len() <= 253 && name.split('.').all(label))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    fn load_text(text: &str, flags: &Flags) -> Result<Config, Vec<String>> {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("server.toml");
        std::fs::write(&file, text).expect("written");
        let variable = |name: &str| (name == "TRUST").then(|| OsString::from("0123456789abcdef"));
        load(Path::new("/data"), Some(&file), flags, &variable)
            .map_err(|error| error.problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn config_without_a_file_is_the_defaults() {
        let config = load(Path::new("/data"), None, &Flags::default(), &|_| None).expect("defaults");
        assert_eq!(config.listen.to_string(), "127.0.0.1:4443");
        assert_eq!(config.database, PathBuf::from("/data/trust.db"));
        assert_eq!(config.ca_certificate(), Some(PathBuf::from("/data/ca.crt")));
        assert_eq!(config.lifetimes.timestamp, Duration::from_hours(336));
        assert!(matches!(config.secret, SecretSource::Own(path) if path == Path::new("/data/secret")));
    }

    #[test]
    fn config_file_overrides_defaults_and_flags_override_it() {
        let text = r#"
            listen = "127.0.0.1:1"
            data = "there"
            [tls]
            names = ["trust.example", "10.0.0.1"]
            [keys]
            algorithm = "ed25519"
            secret_variable = "TRUST"
            [expiry]
            timestamp = "1h"
            [caching]
            current_metadata = 0
        "#;
        let flags =
            Flags { listen: Some("[::1]:2".to_owned()), names: vec!["x".to_owned()], ..Flags::default() };
        let config = load_text(text, &flags).expect("legal");
        assert_eq!(config.listen.to_string(), "[::1]:2");
        assert!(config.data.ends_with("there") && config.database.ends_with("there/trust.db"));
        let names = ["trust.example", "10.0.0.1", "x"].map(str::to_owned).to_vec();
        assert_eq!(config.tls, TlsSource::SelfMade { names });
        assert_eq!(config.key_algorithm, KeyAlgorithm::Ed25519);
        assert!(matches!(config.secret, SecretSource::Given(_)));
        assert_eq!(config.lifetimes.timestamp.as_secs(), 3_600);
        assert_eq!(config.caching.current_metadata, 0);
    }

    #[test]
    fn config_reports_every_problem_at_once() {
        let text = r#"
            listen = "everywhere"
            lissten = 1
            caching = 5
            [tls]
            names = ["a b"]
            certificate = "x"
            [keys]
            algorithm = "rsa"
            secret_variable = "UNSET"
            secret_file = "y"
            [expiry]
            timestamp = "soon"
            snapshot = 7
            [limits]
            parts = 0
            upload_bytes = -1
            [auth]
            type = "token"
        "#;
        let problems = load_text(text, &Flags::default()).expect_err("refused");
        for key in [
            "`listen`",
            "`lissten`",
            "`caching`",
            "`tls.names`",
            "`tls.private_key`",
            "`keys.algorithm`",
            "`keys.secret_variable`",
            "`keys.secret_file`",
            "`expiry.timestamp`",
            "`expiry.snapshot`",
            "`limits.parts`",
            "`limits.upload_bytes`",
            "`auth`",
        ] {
            assert!(problems.iter().any(|problem| problem.starts_with(key)), "{key} in {problems:#?}");
        }
    }

    #[test]
    fn plaintext_is_for_loopback_only() {
        let plaintext = Flags { plaintext: true, ..Flags::default() };
        assert_eq!(load_text("", &plaintext).expect("loopback").tls, TlsSource::Plaintext);
        let flags = Flags { listen: Some("0.0.0.0:1".to_owned()), ..plaintext };
        assert_eq!(load_text("", &flags).expect_err("refused").len(), 1);
    }

    #[test]
    fn config_file_that_is_no_toml_names_its_line() {
        let problems = load_text("listen = \"127.0.0.1:1\"\n[tls\n", &Flags::default()).expect_err("refused");
        assert!(problems[0].contains("line 2"), "{problems:?}");
        let missing =
            load(Path::new("/data"), Some(Path::new("/nonexistent.toml")), &Flags::default(), &|_| None);
        assert!(missing.is_err());
    }
}
