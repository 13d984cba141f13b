//! Docker's `config.json`: read leniently, edited without losing what is not ours.
//!
//! Source: docker/cli `cli/config/configfile/file.go`, `cli/config/credentials/file_store.go`.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::Credentials;
use super::error::CredentialError;

/// Largest file read, in bytes.
const MAX_FILE_BYTES: u64 = 8 << 20;

/// The content of one `config.json`.
#[derive(Default)]
pub(super) struct ConfigFile {
    path: PathBuf,
    root: Map<String, Value>,
}

impl ConfigFile {
    /// Reads the file; one that does not exist or is empty says nothing.
    pub(super) fn load(path: &Path) -> Result<Self, CredentialError> {
        let unreadable = |source| CredentialError::Read { path: path.to_owned(), source };
        let bytes = match fs::metadata(path) {
            Ok(found) if found.len() > MAX_FILE_BYTES => {
                return Err(unreadable(io::ErrorKind::FileTooLarge.into()));
            }
            Ok(_) => Zeroizing::new(fs::read(path).map_err(unreadable)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Zeroizing::default(),
            Err(error) => return Err(unreadable(error)),
        };
        let root = if bytes.trim_ascii().is_empty() {
            Map::new()
        } else {
            serde_json::from_slice(&bytes).map_err(|error| CredentialError::Syntax {
                path: path.to_owned(),
                line: error.line(),
                column: error.column(),
            })?
        };
        let file = Self { path: path.to_owned(), root };
        file.verify()?;
        Ok(file)
    }

    /// The helper that keeps the credentials of `key`, if they aren't kept here.
    pub(super) fn helper(&self, key: &str) -> Option<&str> {
        let own = self.root.get("credHelpers").and_then(|helpers| helpers.get(key));
        let named = own.or_else(|| self.root.get("credsStore"));
        named.and_then(Value::as_str).filter(|name| !name.is_empty())
    }

    /// The credentials that are kept here under `key`, or under another spelling of the same host.
    pub(super) fn credentials(&self, key: &str) -> Result<Credentials, CredentialError> {
        let Some(auths) = self.root.get("auths").and_then(Value::as_object) else {
            return Ok(Credentials::Anonymous);
        };
        let exact = auths.get_key_value(key);
        let found = exact.or_else(|| auths.iter().find(|(name, _)| hostname(name) == key));
        found.map_or(Ok(Credentials::Anonymous), |(name, entry)| {
            decode(entry).ok_or_else(|| CredentialError::Entry { path: self.path.clone(), key: name.clone() })
        })
    }

    /// Keeps credentials here; with `elsewhere` only the fact that a helper keeps them.
    pub(super) fn set(&mut self, key: &str, credentials: &Credentials, elsewhere: bool) {
        let entry = if elsewhere { json!({}) } else { encode(credentials) };
        let auths = self.root.entry("auths").or_insert_with(|| json!({}));
        if let Some(auths) = auths.as_object_mut() {
            auths.insert(key.to_owned(), entry);
        }
    }

    /// Forgets every spelling of `key`; whether there was one.
    pub(super) fn remove(&mut self, key: &str) -> bool {
        let Some(auths) = self.root.get_mut("auths").and_then(Value::as_object_mut) else { return false };
        let spellings = [key.to_owned(), format!("https://{key}"), format!("http://{key}")];
        let before = auths.len();
        auths.retain(|name, _| !spellings.contains(name));
        auths.len() < before
    }

    /// Writes the file: a temporary one beside it, synced, renamed. Its mode is 0600 then; a link stays a link.
    pub(super) fn save(&self) -> Result<(), CredentialError> {
        let target = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        self.write(&target).map_err(|source| CredentialError::Write { path: target, source })
    }

    fn write(&self, target: &Path) -> io::Result<()> {
        let directory = target.parent().unwrap_or(Path::new("."));
        create_private(directory)?;
        let mut file = tempfile::Builder::new().prefix(".config.json").tempfile_in(directory)?;
        file.write_all(&self.text()?)?;
        file.as_file().sync_all()?;
        file.persist(target)?;
        fs::File::open(directory)?.sync_all()
    }

    /// Indented with a tab, as Docker writes it.
    fn text(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut text = Zeroizing::new(Vec::with_capacity(4096));
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut serializer = serde_json::Serializer::with_formatter(&mut *text, formatter);
        serde::Serialize::serialize(&self.root, &mut serializer).map_err(io::Error::from)?;
        Ok(text)
    }

    /// Refuses parts of another type than Docker's, which would otherwise read as "nothing there".
    fn verify(&self) -> Result<(), CredentialError> {
        let object = |name: &str| self.root.get(name).is_none_or(|part| part.is_object() || part.is_null());
        let text = |part: Option<&Value>| part.is_none_or(|part| part.is_string() || part.is_null());
        let helpers = self.root.get("credHelpers").and_then(Value::as_object);
        let sound = object("auths")
            && object("credHelpers")
            && text(self.root.get("credsStore"))
            && helpers.is_none_or(|helpers| helpers.values().all(|helper| text(Some(helper))));
        let syntax = || CredentialError::Syntax { path: self.path.clone(), line: 0, column: 0 };
        if sound { Ok(()) } else { Err(syntax()) }
    }
}

#[cfg(unix)]
fn create_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(not(unix))]
fn create_private(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)
}

/// The host and port of a key, which may be a URL: `https://r.example/v1/` is `r.example`.
///
/// Source: docker/cli `cli/config/credentials/file_store.go`, `ConvertToHostname`.
fn hostname(key: &str) -> &str {
    let stripped = key.split_once("://").map_or(key, |(_, rest)| rest);
    let stripped = stripped.split('/').next().unwrap_or(stripped);
    stripped.rsplit_once('@').map_or(stripped, |(_, host)| host)
}

fn decode(entry: &Value) -> Option<Credentials> {
    let entry = entry.as_object()?;
    let text = |name: &str| match entry.get(name) {
        None | Some(Value::Null) => Some(""),
        Some(value) => value.as_str(),
    };
    let (identity, registry, auth) = (text("identitytoken")?, text("registrytoken")?, text("auth")?);
    if !identity.is_empty() {
        return Some(Credentials::IdentityToken(identity.into()));
    }
    if !registry.is_empty() {
        return Some(Credentials::RegistryToken(registry.into()));
    }
    if auth.is_empty() {
        let (username, password) = (text("username")?, text("password")?);
        let empty = username.is_empty() && password.is_empty();
        return Some(if empty { Credentials::Anonymous } else { Credentials::password(username, password) });
    }
    let decoded = Zeroizing::new(STANDARD.decode(auth).ok()?);
    let (username, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    let password = password.trim_matches('\0');
    let empty = username.is_empty() && password.is_empty();
    Some(if empty { Credentials::Anonymous } else { Credentials::password(username, password) })
}

fn encode(credentials: &Credentials) -> Value {
    match credentials {
        Credentials::Anonymous => json!({}),
        Credentials::Password { username, password } => {
            let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
            json!({ "auth": STANDARD.encode(pair.as_bytes()) })
        }
        Credentials::IdentityToken(token) => json!({ "identitytoken": token.expose() }),
        Credentials::RegistryToken(token) => json!({ "registrytoken": token.expose() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<ConfigFile, CredentialError> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("config.json");
        fs::write(&path, text).expect("a file");
        ConfigFile::load(&path)
    }

    fn password(file: &ConfigFile, key: &str) -> Option<String> {
        match file.credentials(key).unwrap_or_else(|error| panic!("{key}: {error}")) {
            Credentials::Password { username, password } => Some(format!("{username}/{}", password.expose())),
            _ => None,
        }
    }

    #[test]
    fn keys_match_in_every_spelling_that_docker_left() {
        let found = file(
            r#"{"auths":{
            "https://index.docker.io/v1/":{"auth":"aHViOmE6Yg=="},
            "https://old.example/v1/":{"auth":"b2xkOng="},
            "http://plain.example:5000":{"username":"u","password":"p"},
            "nul.example":{"auth":"bnVsOngAAA=="},
            "empty.example":{}}}"#,
        )
        .expect("a configuration");
        assert_eq!(password(&found, "https://index.docker.io/v1/").as_deref(), Some("hub/a:b"));
        assert_eq!(password(&found, "old.example").as_deref(), Some("old/x"));
        assert_eq!(password(&found, "plain.example:5000").as_deref(), Some("u/p"));
        assert_eq!(password(&found, "nul.example").as_deref(), Some("nul/x"));
        assert_eq!(password(&found, "empty.example"), None);
        assert_eq!(password(&found, "plain.example"), None);
        assert_eq!(password(&found, "example"), None);
    }

    #[test]
    fn tokens_come_before_passwords() {
        let found =
            file(r#"{"auths":{"r.example":{"auth":"dTp4","identitytoken":"secret"}}}"#).expect("legal");
        assert!(matches!(found.credentials("r.example"), Ok(Credentials::IdentityToken(_))));
    }

    #[test]
    fn helpers_are_chosen_by_exact_key() {
        let found = file(r#"{"credsStore":"all","credHelpers":{"r.example":"own"}}"#).expect("legal");
        assert_eq!(found.helper("r.example"), Some("own"));
        assert_eq!(found.helper("other.example"), Some("all"));
        assert_eq!(file("{}").expect("legal").helper("r.example"), None);
    }

    #[test]
    fn broken_files_are_errors_that_name_the_file() {
        for text in
            ["{", "[]", "nonsense", r#"{"auths":[]}"#, r#"{"credsStore":1}"#, r#"{"credHelpers":{"a":{}}}"#]
        {
            let error = file(text).map(|_| ()).expect_err(text);
            assert!(matches!(error, CredentialError::Syntax { .. }), "{text}: {error:?}");
            assert!(error.to_string().contains("config.json"), "{error}");
        }
        let bad = file(r#"{"auths":{"r.example":{"auth":"!!"},"s.example":{"auth":"bm9jb2xvbg=="}}}"#)
            .expect("legal");
        for key in ["r.example", "s.example"] {
            assert!(matches!(bad.credentials(key), Err(CredentialError::Entry { .. })), "{key}");
        }
        assert!(file("  \n").is_ok());
    }

    #[test]
    fn editing_keeps_what_is_not_ours() {
        let mut found =
            file(r#"{"HttpHeaders":{"X":"y"},"auths":{"a.example":{"auth":"dTp4"}},"future":[1,2]}"#)
                .expect("a configuration");
        found.set("b.example", &Credentials::password("me", "pa:ss"), false);
        found.set("c.example", &Credentials::password("me", "secret"), true);
        assert_eq!(password(&found, "b.example").as_deref(), Some("me/pa:ss"));
        let text = String::from_utf8(found.text().expect("text").to_vec()).expect("UTF-8");
        for kept in ["HttpHeaders", "future", "a.example", "\"c.example\": {}"] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
        assert!(text.contains("\n\t\"auths\""), "{text}");
        assert!(found.remove("a.example") && !found.remove("a.example"));
    }
}
