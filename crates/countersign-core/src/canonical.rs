//! Canonical JSON: the one form of a value that signatures and key ids are computed over.
//!
//! Objects are sorted by the raw bytes of their keys, nothing is spaced, numbers are integers, and strings escape only
//! `"` and `\`. Everything else, control characters included, stands raw. [`strict`] reads any legal JSON and refuses
//! what has two readings: repeated keys, fractions and exponents, integers beyond 2^53, lone surrogates, trailing data.
//!
//! Source: notary `vendor/github.com/docker/go/canonical/json`, OLPC canonical JSON.

use std::cell::Cell;
use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Largest magnitude of an integer: what a double can carry exactly, since Notary decodes numbers as doubles.
pub(crate) const MAX_INTEGER: u64 = 1 << 53;

/// How many values a text may hold, however short they are.
const FREE_VALUES: usize = 1_000_000;
/// How many bytes of text each value needs on average, where there are more.
const BYTES_PER_VALUE: usize = 16;

/// The canonical bytes of `value`.
///
/// `value` holds integers only, as [`strict`] guarantees. A fraction has no canonical form: it is written as it stands, and
/// no reader takes it.
pub fn to_vec(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write_value(&mut out, value);
    out
}

/// The canonical bytes of a serialisable `value` without floats.
///
/// # Errors
/// Whatever the value's `Serialize` reports.
pub fn serialize(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    Ok(to_vec(&serde_json::to_value(value)?))
}

/// Reads one JSON text strictly; see the module.
///
/// # Errors
/// A syntax error, a repeated key, a number that is not an integer of at most 2^53, nesting deeper than 128, or more
/// than a million values that are shorter than 16 bytes in the mean: in memory they would take many times their text.
pub fn strict(text: &[u8]) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let left = Cell::new(FREE_VALUES.max(text.len() / BYTES_PER_VALUE));
    let value = Strict { left: &left }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Reads a value as strictly as [`strict`], `null` as none; for `deserialize_with`.
///
/// The JSON library's own reader of values takes one key of its own for something else than a name.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    let left = Cell::new(usize::MAX);
    Ok(Some(Strict { left: &left }.deserialize(deserializer)?).filter(|value| !value.is_null()))
}

/// Appends the canonical form of one string, quotes included.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    out.push(b'"');
    while let Some(at) = position(rest, |byte| matches!(byte, b'"' | b'\\')) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(&[b'\\', rest[at]]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Where the first byte stands that `is_wanted`, for texts in which few are: many bytes are looked at together.
pub(crate) fn position(text: &[u8], is_wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let mut chunks = text.chunks(64);
    let before =
        chunks.position(|chunk| chunk.iter().fold(false, |found, byte| found | is_wanted(*byte)))? * 64;
    text[before..].iter().position(|byte| is_wanted(*byte)).map(|at| before + at)
}

/// Appends the canonical form of `value`.
pub(crate) fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => write_list(out, b'[', items.iter(), b']', write_value),
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| key.as_bytes());
            write_list(out, b'{', entries.into_iter(), b'}', |out, (key, value)| {
                write_string(out, key);
                out.push(b':');
                write_value(out, value);
            });
        }
    }
}

fn write_list<T>(
    out: &mut Vec<u8>,
    open: u8,
    items: impl Iterator<Item = T>,
    close: u8,
    write: impl Fn(&mut Vec<u8>, T),
) {
    out.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(close);
}

/// Builds a [`Value`] and refuses what is ambiguous.
#[derive(Clone, Copy)]
struct Strict<'a> {
    /// How many more values there may be.
    left: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.ok_or_else(|| D::Error::custom("it has far too many values for its length"))?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON with integers only")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        if number.unsigned_abs() > MAX_INTEGER {
            return Err(E::custom(format_args!("the integer {number} is beyond 2^53")));
        }
        Ok(Value::from(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        if number > MAX_INTEGER {
            return Err(E::custom(format_args!("the integer {number} is beyond 2^53")));
        }
        Ok(Value::from(number))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Err(E::custom(format_args!("the number {number} is not an integer")))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self)?;
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key `{}` is repeated", key.escape_default())));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        String::from_utf8(to_vec(&strict(text.as_bytes()).expect("legal JSON"))).expect("UTF-8")
    }

    #[test]
    fn canonical_form_sorts_by_bytes_and_drops_space() {
        assert_eq!(
            canonical("{ \"b\": 1, \"a\": [true, null], \"B\": {} }"),
            r#"{"B":{},"a":[true,null],"b":1}"#
        );
        assert_eq!(canonical("{\"\u{e9}\":1,\"z\":2}"), "{\"z\":2,\"\u{e9}\":1}");
    }

    #[test]
    fn canonical_strings_escape_only_quote_and_backslash() {
        assert_eq!(canonical(r#""\u003c\"\\\n\u2028""#), "\"<\\\"\\\\\n\u{2028}\"");
    }

    #[test]
    fn strict_refuses_what_has_two_readings() {
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"\u0062":2}}"#,
            "1.5",
            "1.0",
            "1e3",
            "9007199254740993",
            "18446744073709551616",
            "-9007199254740993",
            r#""\ud800""#,
            "1 2",
            "\u{feff}1",
            "[1,]",
            "{} x",
            "\"a\nb\"",
        ] {
            assert!(strict(bad.as_bytes()).is_err(), "{bad:?} was accepted");
        }
        assert!(strict(b"\"\xff\"").is_err(), "invalid UTF-8 was accepted");
        assert!(strict("[".repeat(200).as_bytes()).is_err(), "deep nesting was accepted");
    }

    /// Read into memory, they would take some thirty times their text.
    #[test]
    fn strict_refuses_very_many_tiny_values() {
        let list = |count: usize, item: &str| format!("[{}0]", format!("{item},").repeat(count - 2));
        assert!(strict(list(1_000_000, "0").as_bytes()).is_ok());
        assert!(strict(list(1_000_001, "0").as_bytes()).is_err());
        assert!(strict(list(1_000_001, "\"0123456789abcdef\"").as_bytes()).is_ok());
    }

    #[test]
    fn strict_accepts_both_ends_of_the_integer_range() {
        assert_eq!(
            canonical("[9007199254740992,-9007199254740992,0]"),
            "[9007199254740992,-9007199254740992,0]"
        );
    }
}
