//! A policy file: read, bounded, and every value checked, with the line of what is wrong.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use countersign_core::certificate::CertificateAuthorities;
use countersign_core::key::KeyId;
use countersign_core::name::{RoleName, TopRole};
use toml::Spanned;
use url::Url;

use super::document::{Document, RuleTable, TrustPinningSection};
use super::error::PolicyError;
use super::pattern::Pattern;
use super::pins;
use super::rules::{FirstUse, Mirror, PinningLines, Rule, Rules, Said, Settings};

/// Largest policy, CA file or file of pins, in bytes.
const FILE_BYTES: u64 = 1 << 20;

impl Rules {
    /// The rules of this file; `None` if it isn't there.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, PolicyError> {
        match read(path) {
            Ok(text) => Self::parse(path, &text).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(PolicyError::Read { path: path.to_owned(), source }),
        }
    }

    /// The rules of this text.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, PolicyError> {
        let source = Source { path, text };
        let mut document: Document = toml::from_str(text)
            .map_err(|error| source.refuse(error.span().unwrap_or_default(), error.message()))?;
        let (top, tables) = document.take_rules();
        let mut rules = source.rules(tables)?;
        let top = Rule { pattern: everything(), settings: source.settings(top, &everything())? };
        source.no_contradiction(&top.settings, &document.trust_pinning)?;
        rules.push(top);
        let mut read = Self {
            path: Some(path.to_owned()),
            snapshot_key: document.snapshot_key,
            narrowest_first: rules,
            ..Self::default()
        };
        for realm in &document.token_realms {
            let url = Url::parse(realm.as_ref()).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
            let problem = || format!("the token realm `{}` is no URL", realm.as_ref().escape_debug());
            read.token_realms.push(url.ok_or_else(|| source.refuse(realm.span(), problem()))?);
        }
        read.insecure_registries =
            document.insecure_registries.into_iter().map(Spanned::into_inner).collect();
        for file in &document.pin_files {
            read.pins.extend(pins::from_file(&source.beside(file.as_ref()))?);
        }
        source.pinning(document.trust_pinning, &mut read)?;
        Ok(read)
    }
}

fn everything() -> Pattern {
    Pattern::Below(String::new())
}

/// A file that is being read.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        self.text.as_bytes().iter().take(span.start).filter(|byte| **byte == b'\n').count() + 1
    }

    fn refuse(&self, span: Range<usize>, problem: impl Into<String>) -> PolicyError {
        PolicyError::Line { path: self.path.to_owned(), line: self.line(&span), problem: problem.into() }
    }

    /// A file that the policy names: relative to the policy.
    fn beside(&self, file: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(file)
    }

    /// The rules, the narrowest first. Two of one pattern would leave it to their order what holds.
    fn rules(&self, tables: Vec<Spanned<RuleTable>>) -> Result<Vec<Rule>, PolicyError> {
        let mut rules: Vec<Rule> = Vec::new();
        for table in tables {
            let span = table.span();
            let mut table = table.into_inner();
            let text = table.pattern.take().ok_or_else(|| self.refuse(span, "this rule has no `match`"))?;
            let pattern: Pattern =
                text.as_ref().parse().map_err(|problem: String| self.refuse(text.span(), problem))?;
            if rules.iter().any(|rule| rule.pattern == pattern) {
                return Err(self.refuse(text.span(), format!("another rule is for `{pattern}`, too")));
            }
            let settings = self.settings(table, &pattern)?;
            rules.push(Rule { pattern, settings });
        }
        rules.sort_by_key(|rule| Reverse(rule.pattern.narrowness()));
        Ok(rules)
    }

    fn settings(&self, table: RuleTable, pattern: &Pattern) -> Result<Settings, PolicyError> {
        if let (Some(_), Some(ca)) = (&table.root_keys, &table.root_ca) {
            return Err(self.refuse(ca.span(), "a rule has `root_keys` or `root_ca`, not both"));
        }
        Ok(Settings {
            trust: self.said(table.trust, Ok)?,
            trust_server: self.said(table.trust_server, |text| {
                text.parse()
                    .map_err(|error: countersign_client::trust_server::TrustServerError| error.to_string())
            })?,
            mirror: self.said(table.mirror, |text| Mirror::new(&text, pattern))?,
            signed_by: self.said(table.signed_by, signers)?,
            first_use: self.said(table.first_use, Ok)?,
            offline: self.said(table.offline, Ok)?,
            expired_certificates: self.said(table.expired_certificates, Ok)?,
            releases: self.said(table.releases, Ok)?,
            max_age: self.said(table.max_age, |text| text.parse())?,
            max_freeze: self.said(table.max_freeze, |text| text.parse())?,
            root_keys: self.said(table.root_keys, keys)?,
            root_ca: table.root_ca.map(|file| self.authorities(&file)).transpose()?,
        })
    }

    fn said<T, U>(
        &self,
        written: Option<Spanned<T>>,
        check: impl FnOnce(T) -> Result<U, String>,
    ) -> Result<Option<Said<U>>, PolicyError> {
        let Some(written) = written else { return Ok(None) };
        let span = written.span();
        let value = check(written.into_inner()).map_err(|problem| self.refuse(span.clone(), problem))?;
        Ok(Some(Said { value, line: self.line(&span) }))
    }

    fn authorities(&self, file: &Spanned<PathBuf>) -> Result<Said<CertificateAuthorities>, PolicyError> {
        let path = self.beside(file.as_ref());
        let text = read(&path).map_err(|source| PolicyError::Read { path: path.clone(), source })?;
        let value = CertificateAuthorities::parse(text.as_bytes())
            .map_err(|source| PolicyError::Authorities { path, source })?;
        Ok(Said { value, line: self.line(&file.span()) })
    }

    /// `disable_tofu` is `first_use = "refuse"` in Notary's words.
    fn no_contradiction(&self, top: &Settings, section: &TrustPinningSection) -> Result<(), PolicyError> {
        match (&section.disable_tofu, &top.first_use) {
            (Some(disabled), Some(said)) if *disabled.as_ref() && said.value != FirstUse::Refuse => {
                Err(self
                    .refuse(disabled.span(), format!("this contradicts `first_use` in line {}", said.line)))
            }
            _ => Ok(()),
        }
    }

    fn pinning(&self, section: TrustPinningSection, read: &mut Rules) -> Result<(), PolicyError> {
        let mut lines = PinningLines::default();
        for (name, ids) in section.certs {
            let span = ids.span();
            lines.certs.insert(name.clone(), self.line(&span));
            let ids = key_ids(ids.into_inner()).map_err(|problem| self.refuse(span, problem))?;
            read.pinning.certs.insert(name, ids);
        }
        for (prefix, file) in section.ca {
            let Said { value, line } = self.authorities(&file)?;
            lines.ca.insert(prefix.clone(), line);
            read.pinning.ca.insert(prefix, value);
        }
        if let Some(disabled) = section.disable_tofu {
            lines.disable_tofu = self.line(&disabled.span());
            read.pinning.disable_tofu = disabled.into_inner();
        }
        read.pinning_lines = lines;
        Ok(())
    }
}

/// Roles that must all have signed. Nobody would be a requirement that everything meets.
fn signers(names: Vec<String>) -> Result<Vec<RoleName>, String> {
    if names.is_empty() {
        return Err("`signed_by` names no role".to_owned());
    }
    let signs = |role: &RoleName| role.is_delegation() || *role == TopRole::Targets;
    let mut roles = Vec::new();
    for name in names {
        let role = name.parse::<RoleName>().ok().filter(signs);
        let problem = || format!("`{}` is not `targets` or a delegation of it", name.escape_debug());
        roles.push(role.ok_or_else(problem)?);
    }
    Ok(roles)
}

/// Root keys that are right. None would refuse everything, which `trust` says better.
fn keys(ids: Vec<String>) -> Result<BTreeSet<KeyId>, String> {
    if ids.is_empty() {
        return Err("`root_keys` names no key".to_owned());
    }
    key_ids(ids)
}

fn key_ids(ids: Vec<String>) -> Result<BTreeSet<KeyId>, String> {
    let parse = |id: String| {
        id.parse().map_err(|_| {
            format!("`{}` is no key id, which is 64 hexadecimal digits in small letters", id.escape_debug())
        })
    };
    ids.into_iter().map(parse).collect()
}

/// A small text file.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES {
        let large = format!("it has more than {FILE_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, large));
    }
    Ok(text)
}
