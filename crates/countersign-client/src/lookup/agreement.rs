//! Whether all who must have signed a name say the same of it.

use countersign_core::digest::Digest;
use countersign_core::name::{RoleName, TargetName};
use countersign_core::trust::TrustedTarget;

use super::LookupError;

/// What one role says of a name; `None` if nothing that could be checked.
pub type Word = (RoleName, Option<TrustedTarget>);

/// What all of `words` say of `name`: the first one's entry, if every role has one, and with the same digest and length.
///
/// Nobody's word is no agreement. `usual` is what the name means in the usual order of roles, if anything: it need not be
/// there, and may not contradict.
///
/// # Errors
/// - [`LookupError::NotSigned`]: nobody was named.
/// - [`LookupError::SignerMissing`]: a role says nothing of the name.
/// - [`LookupError::SignersDisagree`]: two of them say different things.
pub fn agreed(
    name: &TargetName,
    words: &[Word],
    usual: Option<&TrustedTarget>,
) -> Result<TrustedTarget, LookupError> {
    let mut agreed: Option<&TrustedTarget> = None;
    for (role, word) in words {
        let Some(word) = word else {
            return Err(LookupError::SignerMissing { tag: name.clone(), role: role.clone() });
        };
        agreed = Some(match agreed {
            Some(first) => same(name, first, word)?,
            None => word,
        });
    }
    let first = agreed.ok_or_else(|| LookupError::NotSigned { tag: name.clone() })?;
    match usual {
        Some(usual) => same(name, first, usual),
        None => Ok(first),
    }
    .cloned()
}

/// The first of two entries, if they say the same.
fn same<'a>(
    name: &TargetName,
    one: &'a TrustedTarget,
    other: &TrustedTarget,
) -> Result<&'a TrustedTarget, LookupError> {
    if one.digest == other.digest && one.length == other.length {
        return Ok(one);
    }
    let said = |target: &TrustedTarget| -> (RoleName, Digest) { (target.role.clone(), target.digest) };
    Err(LookupError::SignersDisagree {
        tag: name.clone(),
        one: Box::new(said(one)),
        other: Box::new(said(other)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [&str; 2] = ["targets/ci", "targets/security"];

    fn entry(role: &str, content: &str, length: u64) -> TrustedTarget {
        let digest = Digest::sha256(content.as_bytes());
        TrustedTarget {
            name: name(),
            role: role.parse().expect("a role"),
            hashes: digest.into(),
            digest,
            length,
            custom: None,
        }
    }

    fn name() -> TargetName {
        "1".to_owned().into()
    }

    fn words(contents: &[Option<&str>]) -> Vec<Word> {
        let word = |(role, content): (&str, Option<&str>)| {
            (role.parse().expect("a role"), content.map(|content| entry(role, content, 3)))
        };
        ROLES.into_iter().zip(contents.iter().copied()).map(word).collect()
    }

    /// Every combination of silence, one image and another, for the two roles and the usual order (CVE-2022-35930: a
    /// requirement that nobody met counted as met).
    #[test]
    fn agreement_follows_its_truth_table() {
        let choices = [None, Some("a"), Some("b")];
        let mut agreements = 0;
        for one in choices {
            for other in choices {
                for usual in choices {
                    let usual_entry = usual.map(|content| entry("targets/releases", content, 3));
                    let outcome = agreed(&name(), &words(&[one, other]), usual_entry.as_ref());
                    let case = format!("{one:?} {other:?} {usual:?}: {outcome:?}");
                    match (one, other) {
                        (None, _) | (Some(_), None) => {
                            let silent = ROLES[usize::from(one.is_some())];
                            let Err(LookupError::SignerMissing { role, .. }) = outcome else {
                                panic!("{case}")
                            };
                            assert_eq!(role.as_str(), silent, "{case}");
                        }
                        (Some(one), Some(other))
                            if one == other && usual.is_none_or(|usual| usual == one) =>
                        {
                            assert_eq!(outcome.expect("agreement"), entry(ROLES[0], one, 3), "{case}");
                            agreements += 1;
                        }
                        _ => assert!(matches!(outcome, Err(LookupError::SignersDisagree { .. })), "{case}"),
                    }
                }
            }
        }
        assert_eq!(agreements, 4);
    }

    #[test]
    fn nobodys_word_is_no_agreement() {
        let usual = entry("targets", "a", 3);
        for usual in [None, Some(&usual)] {
            assert_eq!(agreed(&name(), &[], usual), Err(LookupError::NotSigned { tag: name() }));
        }
    }

    #[test]
    fn another_length_is_a_contradiction() {
        let words = vec![
            (ROLES[0].parse().expect("a role"), Some(entry(ROLES[0], "a", 3))),
            (ROLES[1].parse().expect("a role"), Some(entry(ROLES[1], "a", 4))),
        ];
        assert!(matches!(agreed(&name(), &words, None), Err(LookupError::SignersDisagree { .. })));
    }
}
