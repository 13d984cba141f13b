//! The form of an upload, as Notary's client sends it.

use std::collections::BTreeMap;

use bytes::Bytes;
use countersign_core::digest::Digest;
use countersign_core::name::RoleName;

/// A form and its media type.
pub(super) struct Form {
    pub(super) content_type: String,
    pub(super) body: Bytes,
}

/// Writes one part a file: field `files`, file name the role without `.json`, type `application/octet-stream`.
///
/// Source: RFC 7578; notary `storage/httpstore.go`, reference behaviour 8.3.
pub(super) fn form(files: &BTreeMap<RoleName, Bytes>) -> Form {
    let boundary = boundary(files);
    let mut body = Vec::with_capacity(files.values().map(|file| file.len() + 512).sum());
    for (role, file) in files {
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{role}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Form { content_type: format!("multipart/form-data; boundary={boundary}"), body: Bytes::from(body) }
}

/// Sixty hex digits that no file can hold by chance: they are a digest of the files themselves.
fn boundary(files: &BTreeMap<RoleName, Bytes>) -> String {
    let digests: String = files.values().map(|file| Digest::sha256(file).hex()).collect();
    let mut hex = Digest::sha256(digests.as_bytes()).hex();
    hex.truncate(60);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_is_what_notarys_client_sends() {
        let files = BTreeMap::from([
            ("root".parse().expect("a role"), Bytes::from_static(b"{}")),
            ("targets/rel".parse().expect("a role"), Bytes::from_static(b"{\"a\":1}")),
        ]);
        let form = form(&files);
        let boundary = form.content_type.strip_prefix("multipart/form-data; boundary=").expect("a boundary");
        assert_eq!(boundary.len(), 60);
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"root\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n{{}}\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"targets/rel\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n{{\"a\":1}}\r\n--{boundary}--\r\n"
        );
        assert_eq!(form.body, expected.as_bytes());
    }
}
