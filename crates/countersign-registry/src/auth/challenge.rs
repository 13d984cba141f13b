//! What a host asks for: the `WWW-Authenticate` header.
//!
//! Source: RFC 9110 §11.6.1; RFC 6750 §3.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// One challenge.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Challenge {
    /// A token is wanted, which `realm` gives out.
    Bearer {
        /// The URL of the token service, as the host wrote it.
        realm: String,
        /// The host's name to the token service.
        service: String,
        /// What the token should be good for.
        scope: String,
    },
    /// A user name and a password are wanted.
    Basic,
    /// Something else, by name.
    Other(String),
}

/// Every challenge in the headers of an answer, in order.
///
/// What can't be understood ends its header: it is no reason to send anything.
pub fn parse_challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| Parser { rest: value }.challenges()).collect()
}

struct Parser<'a> {
    rest: &'a str,
}

type Parameters = Vec<(String, String)>;

impl<'a> Parser<'a> {
    fn challenges(mut self) -> Vec<Challenge> {
        let mut found: Vec<(&str, Parameters)> = Vec::new();
        loop {
            self.skip(|c| c == ',' || c.is_ascii_whitespace());
            let Some(word) = self.token() else { break };
            let before = self.rest;
            self.skip(|c| c.is_ascii_whitespace());
            match (self.rest.strip_prefix('='), found.last_mut()) {
                // A name with a value belongs to the challenge before it; `==` ends the value of another scheme.
                (Some(after), Some((_, parameters))) if !after.starts_with('=') => {
                    self.rest = after;
                    self.skip(|c| c.is_ascii_whitespace());
                    match self.value() {
                        Some(value) => parameters.push((word.to_ascii_lowercase(), value)),
                        None => self.skip(|c| c != ','),
                    }
                }
                (Some(_), _) => self.skip(|c| c != ','),
                (None, _) => {
                    self.rest = before;
                    found.push((word, Parameters::new()));
                }
            }
        }
        found.into_iter().map(|(scheme, parameters)| challenge(scheme, &parameters)).collect()
    }

    fn skip(&mut self, unwanted: impl Fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(unwanted);
    }

    fn token(&mut self) -> Option<&'a str> {
        let legal = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/".contains(c);
        let end = self.rest.find(|c| !legal(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.rest.strip_prefix('"') else { return self.unquoted() };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((index, c)) = characters.next() {
            match c {
                '"' => {
                    self.rest = &quoted[index + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                c => value.push(c),
            }
        }
        self.rest = "";
        None
    }

    /// Tokens as the standard has them, and the URLs that some servers leave unquoted.
    fn unquoted(&mut self) -> Option<String> {
        let end = self.rest.find([',', ' ', '\t', '"']).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!value.is_empty()).then(|| value.to_owned())
    }
}

fn challenge(scheme: &str, parameters: &[(String, String)]) -> Challenge {
    let take = |wanted: &str| {
        let found = parameters.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => {
            Challenge::Bearer { realm: take("realm"), service: take("service"), scope: take("scope") }
        }
        "basic" => Challenge::Basic,
        other => Challenge::Other(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn parse(values: &[&str]) -> Vec<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).expect("a header"));
        }
        parse_challenges(&headers)
    }

    fn bearer(realm: &str, service: &str, scope: &str) -> Challenge {
        Challenge::Bearer { realm: realm.to_owned(), service: service.to_owned(), scope: scope.to_owned() }
    }

    #[test]
    fn bearer_challenge_yields_its_parameters() {
        let value = r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#;
        let expected = bearer("https://auth.example/token", "registry.example", "repository:a/b:pull,push");
        assert_eq!(parse(&[value]), [expected]);
        assert_eq!(parse(&[r#"bearer  REALM = "a\"b\\" , service=x"#]), [bearer("a\"b\\", "x", "")]);
        assert_eq!(
            parse(&["Bearer realm=https://auth.example/t?a=b,service=s"]),
            [bearer("https://auth.example/t?a=b", "s", "")]
        );
    }

    #[test]
    fn several_challenges_are_told_apart() {
        let both = [bearer("r", "s", ""), Challenge::Basic];
        assert_eq!(parse(&[r#"Bearer realm="r",service="s", Basic realm="x, y""#]), both);
        assert_eq!(parse(&[r#"Bearer realm="r",service="s""#, r#"Basic realm="x""#]), both);
        let mixed = parse(&["Negotiate abc==, Basic realm=\"x\", Digest qop=\"auth\""]);
        let other = |name: &str| Challenge::Other(name.to_owned());
        assert_eq!(mixed, [other("negotiate"), Challenge::Basic, other("digest")]);
        assert_eq!(parse(&["Negotiate"]), [Challenge::Other("negotiate".to_owned())]);
    }

    #[test]
    fn broken_values_yield_no_realm() {
        assert_eq!(parse(&[r#"Bearer realm="unterminated"#]), [bearer("", "", "")]);
        assert_eq!(parse(&[",,,", "", "=", "\"Bearer\""]), []);
        assert_eq!(parse(&["realm=\"x\""]), []);
    }

    proptest! {
        #[test]
        fn any_value_ends(value in "[ -~]{0,60}") {
            drop(parse(&[&value]));
        }
    }
}
