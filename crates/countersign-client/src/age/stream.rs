//! The content, in chunks that can neither be changed nor moved nor left out.
//!
//! Source: C2SP `age.md`, "Payload"; RFC 8439.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::{AgeError, FILE_KEY_BYTES, FileKey, Key, MAX_BYTES, derive, random};

const CHUNK_BYTES: usize = 64 << 10;
const TAG_BYTES: usize = 16;
const NONCE_BYTES: usize = 16;

/// Encrypts `text` to the end of `bytes`.
pub(super) fn seal(text: &[u8], file_key: &FileKey, bytes: &mut Vec<u8>) -> Result<(), AgeError> {
    if text.len() > MAX_BYTES {
        return Err(AgeError::TooLarge);
    }
    let nonce = random::<NONCE_BYTES>()?;
    let key = cipher(&derive(file_key.as_slice(), nonce.as_slice(), b"payload")?)?;
    bytes.extend_from_slice(nonce.as_slice());
    let mut chunks = text.chunks(CHUNK_BYTES).peekable();
    let (mut number, mut is_last) = (0, false);
    while !is_last {
        let mut chunk = chunks.next().unwrap_or_default().to_vec();
        is_last = chunks.peek().is_none();
        key.seal_in_place_append_tag(nonce_of(number, is_last), Aad::empty(), &mut chunk)
            .map_err(|_| AgeError::Random)?;
        bytes.append(&mut chunk);
        number += 1;
    }
    Ok(())
}

/// Decrypts what follows the header.
pub(super) fn open(bytes: &[u8], file_key: &FileKey) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(AgeError::Damaged)?;
    if sealed.len() > MAX_BYTES + MAX_BYTES / CHUNK_BYTES * TAG_BYTES + TAG_BYTES {
        return Err(AgeError::TooLarge);
    }
    let key = cipher(&derive(file_key.as_slice(), nonce, b"payload")?)?;
    let mut text = Zeroizing::new(Vec::with_capacity(sealed.len()));
    let mut chunks = sealed.chunks(CHUNK_BYTES + TAG_BYTES).peekable();
    let mut number = 0;
    while let Some(chunk) = chunks.next() {
        let is_last = chunks.peek().is_none();
        let mut chunk = Zeroizing::new(chunk.to_vec());
        let opened = key
            .open_in_place(nonce_of(number, is_last), Aad::empty(), &mut chunk)
            .map_err(|_| AgeError::Damaged)?;
        // An empty chunk is the whole of an empty file, and nothing else.
        if opened.is_empty() && number > 0 {
            return Err(AgeError::Damaged);
        }
        text.extend_from_slice(opened);
        number += 1;
    }
    if number == 0 { Err(AgeError::Damaged) } else { Ok(text) }
}

/// Encrypts a file key under a key that is used this once.
pub(super) fn seal_once(key: &Key, file_key: &[u8]) -> Result<Vec<u8>, AgeError> {
    let mut body = file_key.to_vec();
    let zero = Nonce::assume_unique_for_key([0; 12]);
    cipher(key)?.seal_in_place_append_tag(zero, Aad::empty(), &mut body).map_err(|_| AgeError::Random)?;
    Ok(body)
}

/// Decrypts a file key; `None` if it was encrypted under another one.
pub(super) fn open_once(key: &Key, body: &[u8]) -> Result<Option<FileKey>, AgeError> {
    if body.len() != FILE_KEY_BYTES + TAG_BYTES {
        return Err(AgeError::Malformed { what: "the length of a file key" });
    }
    let mut body = Zeroizing::new(body.to_vec());
    let zero = Nonce::assume_unique_for_key([0; 12]);
    let Ok(opened) = cipher(key)?.open_in_place(zero, Aad::empty(), &mut body) else { return Ok(None) };
    let mut file_key = FileKey::default();
    file_key.copy_from_slice(opened);
    Ok(Some(file_key))
}

fn cipher(key: &Key) -> Result<LessSafeKey, AgeError> {
    UnboundKey::new(&CHACHA20_POLY1305, key.as_slice()).map(LessSafeKey::new).map_err(|_| AgeError::Random)
}

/// The number of a chunk in eleven bytes, and whether it is the last.
fn nonce_of(number: u64, is_last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(is_last);
    Nonce::assume_unique_for_key(nonce)
}
