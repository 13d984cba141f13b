//! A collection with its history in one file.

use std::io::{self, Read as _, Write};
use std::sync::{Arc, Mutex};

use countersign_client::export::{ExportError, ExportLimits, export};
use countersign_core::name::TopRole;

use crate::collection::{Sim, key};
use crate::simulator::{Asker, Fault, SimServer};

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("one writer").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn export_holds_every_version_that_the_server_has() {
    let mut sim = Sim::new();
    sim.delegate("targets/releases", &[""]);
    let server = SimServer::with(&sim.files());
    sim.set("v1", b"second");
    server.publish(&sim.publish());
    sim.next_root();
    sim.give_root(&key());
    sim.rotate(TopRole::Targets);
    let newest = sim.publish();
    server.publish(&newest);
    server.fail("1.targets/releases.json", Fault::Status(500));
    let asker = Asker::of(&sim, &server);
    let sink = Sink::default();
    let manifest = export(&asker.updater(), asker.start(), ExportLimits::default(), sink.clone())
        .await
        .expect("exported");
    let listed: Vec<_> =
        manifest.files.iter().map(|file| (file.path.as_str(), file.current, file.verified)).collect();
    assert_eq!(
        listed,
        [
            ("metadata/root/1.json", false, true),
            ("metadata/root/2.json", true, true),
            ("metadata/snapshot/1.json", false, true),
            ("metadata/snapshot/2.json", false, true),
            ("metadata/snapshot/3.json", true, true),
            ("metadata/targets/1.json", false, true),
            ("metadata/targets/2.json", false, true),
            ("metadata/targets/3.json", true, true),
            ("metadata/targets/releases/2.json", false, true),
            ("metadata/targets/releases/3.json", true, true),
            ("metadata/timestamp/3.json", true, true),
        ]
    );
    assert_eq!(manifest.missing.len(), 1);
    let bytes = sink.0.lock().expect("written").clone();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let mut names = Vec::new();
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("read");
        if path == "metadata/root/2.json" {
            assert_eq!(content, newest.root);
        }
        names.push(path);
    }
    assert_eq!(names.len(), manifest.files.len() + 1);
    assert_eq!(names.last().map(String::as_str), Some("manifest.json"));

    let limits = ExportLimits { total_bytes: 5000, ..ExportLimits::default() };
    let error = export(&asker.updater(), asker.start(), limits, io::sink()).await.expect_err("too much");
    assert!(matches!(error, ExportError::Large { limit: 5000 }), "{error:?}");
}
