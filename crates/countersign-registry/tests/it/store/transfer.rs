//! The store as a place for a registry client.

use std::io::ErrorKind;

use bytes::Bytes;
use countersign_registry::descriptor::{Descriptor, media_type};
use countersign_registry::store::StoreError;
use countersign_registry::transfer::{BlobSink as _, BlobSource as _};
use tokio::io::AsyncReadExt as _;

use super::Place;

fn content() -> Vec<u8> {
    (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect()
}

#[tokio::test]
async fn blob_written_in_pieces_is_read_from_any_offset() {
    let place = Place::new();
    let transfer = place.store.transfer().expect("a lease");
    let content = content();
    let descriptor = Descriptor::of(media_type::OCI_LAYER, &content);
    assert!(!transfer.has_blob(&descriptor).await.expect("an answer"));
    assert!(transfer.open(&descriptor.digest, 0).await.expect("an answer").is_none());
    let mut writer = transfer.create(&descriptor).await.expect("a blob starts");
    for piece in content.chunks(16 * 1024) {
        writer.write(Bytes::copy_from_slice(piece)).await.expect("it fits");
    }
    assert!(!transfer.has_blob(&descriptor).await.expect("an answer"));
    writer.commit().await.expect("it is whole");
    assert!(transfer.has_blob(&descriptor).await.expect("an answer"));
    for offset in [0, 1, 1_048_576, content.len() - 1, content.len()] {
        let reader = transfer.open(&descriptor.digest, offset as u64).await.expect("an answer");
        let mut reader = reader.expect("the blob is there");
        assert_eq!(reader.size, content.len() as u64);
        let mut rest = Vec::new();
        reader.content.read_to_end(&mut rest).await.expect("it is whole");
        assert!(rest == content[offset..], "{offset}");
    }
}

#[tokio::test]
async fn blob_of_other_content_is_not_committed() {
    let place = Place::new();
    let transfer = place.store.transfer().expect("a lease");
    let descriptor = Descriptor::of(media_type::OCI_LAYER, b"announced");
    let mut writer = transfer.create(&descriptor).await.expect("a blob starts");
    writer.write(Bytes::from_static(b"something")).await.expect("as many bytes");
    let error = writer.commit().await.expect_err("other bytes");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(matches!(error.downcast::<StoreError>(), Ok(StoreError::BlobRefused { .. })));
    assert!(!transfer.has_blob(&descriptor).await.expect("an answer"));
}

#[tokio::test]
async fn damage_breaks_the_stream_before_its_end() {
    let place = Place::new();
    let transfer = place.store.transfer().expect("a lease");
    let mut content = content();
    let descriptor = Descriptor::of(media_type::OCI_LAYER, &content);
    let mut writer = transfer.create(&descriptor).await.expect("a blob starts");
    writer.write(Bytes::copy_from_slice(&content)).await.expect("it fits");
    writer.commit().await.expect("it is whole");
    content[0] ^= 1;
    std::fs::write(place.blob_path(&descriptor), &content).expect("it can be written");
    let reader = transfer.open(&descriptor.digest, 0).await.expect("an answer");
    let mut seen = Vec::new();
    let error = reader.expect("it is there").content.read_to_end(&mut seen).await.expect_err("it is damaged");
    assert!(matches!(error.downcast::<StoreError>(), Ok(StoreError::BlobCorrupt { .. })));
    assert!(seen.len() < content.len());
    assert!(!transfer.has_blob(&descriptor).await.expect("an answer"));
}
