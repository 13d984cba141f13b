//! The image in `--mount type=image,source=NAME,…`.
//!
//! The value is a line of CSV: fields with a comma or a quote in them are quoted.
//!
//! Source: docker/cli `opts/mount.go`; Go `encoding/csv`.

use thiserror::Error;

use super::line::Given;

/// A mount of an image: its fields, and which of them names the image.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ImageMount {
    fields: Vec<String>,
    source: usize,
    image: String,
}

/// A mount that engines read in different ways, so that it could be an image unseen.
#[derive(Debug, Error)]
#[error("the mount `{}` can be read in two ways, and one may be an image that nobody verified; nothing was started", .0.escape_debug())]
pub(super) struct TwoReadings(String);

impl ImageMount {
    /// The image in the value of a flag; `None` when it mounts something else.
    ///
    /// # Errors
    /// A value that is no line of plain CSV, or whose type is not ASCII: Go makes an `i` of `İ`, its readers of CSV stop at the
    /// first line, and early ones of podman split at every comma.
    pub(super) fn of(flag: &Given) -> Result<Option<Self>, TwoReadings> {
        let Some(value) = &flag.value else { return Ok(None) };
        let refuse = || TwoReadings(value.to_string_lossy().into_owned());
        let text = value.to_str().ok_or_else(refuse)?;
        let fields = fields_of(text).filter(|_| !text.contains(['\n', '\r'])).ok_or_else(refuse)?;
        if fields.iter().any(|field| is_odd_type(field)) {
            return Err(refuse());
        }
        Ok(Self::parse(text))
    }

    /// Reads the value of `--mount`; `None` when it is no image, or none that the engine would take.
    fn parse(value: &str) -> Option<Self> {
        let fields = fields_of(value)?;
        let pair = |field: &String| {
            let (key, value) = field.split_once('=').unwrap_or((field.as_str(), ""));
            (key.trim().to_ascii_lowercase(), value.trim().to_owned())
        };
        let pairs: Vec<_> = fields.iter().map(pair).collect();
        // The last one counts, and a type may be written in any case.
        let kind =
            pairs.iter().rev().find(|(key, _)| key == "type").map(|(_, value)| value.to_ascii_lowercase());
        if kind.as_deref() != Some("image") {
            return None;
        }
        let source = pairs.iter().rposition(|(key, _)| key == "source" || key == "src")?;
        let image = pairs[source].1.clone();
        Some(Self { fields, source, image })
    }

    /// The image.
    pub(super) fn image(&self) -> &str {
        &self.image
    }

    /// The value with another image.
    pub(super) fn with_image(&self, image: &str) -> String {
        let fields = self.fields.iter().enumerate().map(|(index, field)| {
            let field = if index == self.source { format!("source={image}") } else { field.clone() };
            let is_plain = !field.contains([',', '"', '\n', '\r']) && !field.starts_with(' ');
            if is_plain { field } else { format!("\"{}\"", field.replace('"', "\"\"")) }
        });
        fields.collect::<Vec<_>>().join(",")
    }
}

/// Whether a field names a type in letters that Go may turn into others.
fn is_odd_type(field: &str) -> bool {
    let (key, value) = field.split_once('=').unwrap_or((field, ""));
    !key.is_ascii() || (key.trim().eq_ignore_ascii_case("type") && !value.is_ascii())
}

/// The fields of a line of CSV; `None` for what is none.
fn fields_of(line: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_field(quoted)?
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            if rest[..end].contains('"') {
                return None;
            }
            (rest[..end].to_owned(), &rest[end..])
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Some(fields),
            None => return None,
        }
    }
}

/// A field after its opening quote, and what follows the closing one.
fn quoted_field(text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Some((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_of_a_mount_is_found_and_replaced() {
        for (value, image, replaced) in [
            ("type=image,source=a:1,target=/x", "a:1", "type=image,source=NEW,target=/x"),
            ("target=/x,src=a,type=image,readonly", "a", "target=/x,source=NEW,type=image,readonly"),
            ("type=image,\"source=a\",\"target=/x,y\"", "a", "type=image,source=NEW,\"target=/x,y\""),
            ("TYPE=Image,Source=a,dst=/x", "a", "TYPE=Image,source=NEW,dst=/x"),
            ("type=bind,type=image,source=a,source=b", "b", "type=bind,type=image,source=a,source=NEW"),
        ] {
            let mount = ImageMount::parse(value).expect(value);
            assert_eq!((mount.image(), mount.with_image("NEW").as_str()), (image, replaced), "{value}");
        }
    }

    #[test]
    fn mount_of_something_else_is_left_alone() {
        for value in ["type=bind,source=/a,target=/b", "source=a,target=/b", "type=image,target=/x", ""] {
            assert_eq!(ImageMount::parse(value), None, "{value}");
        }
    }
}
