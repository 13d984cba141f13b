//! Images as files: OCI layout directories and tars, and both generations of `docker save` archives.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::image::layer::append;
use crate::image::{Content, Image, Index};

const OCI_LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

impl Image {
    /// Writes the image as an OCI layout into the directory `dir`, named `tag` there.
    ///
    /// Source: OCI image specification, "Image Layout".
    pub fn write_layout(&self, dir: &Path, tag: &str) -> io::Result<()> {
        write_directory(dir, &layout(&self.manifest, &self.contents(), tag))
    }

    /// Writes the image as a tar of an OCI layout, named `tag` in it.
    pub fn write_oci_archive(&self, path: &Path, tag: &str) -> io::Result<()> {
        write_tar(path, &layout(&self.manifest, &self.contents(), tag))
    }

    /// Writes the image as `docker save` did before Docker 25: layers unpacked, a directory each.
    ///
    /// `reference` is the name that the archive gives it, such as `app:1.4`.
    pub fn write_docker_archive(&self, path: &Path, reference: &str) -> io::Result<()> {
        let config = format!("{}.json", self.config.digest.hex());
        let layers: Vec<String> =
            self.layers.iter().map(|layer| format!("{}/layer.tar", layer.diff_id().hex())).collect();
        let mut files: Files = vec![(config.clone(), self.config.bytes.to_vec())];
        for (layer, name) in self.layers.iter().zip(&layers) {
            files.push((name.clone(), layer.tar.to_vec()));
        }
        files.push(docker_list(reference, &config, &layers));
        if let (Some((name, tag)), Some(top)) = (reference.rsplit_once(':'), self.layers.last()) {
            let repositories = json!({ name: { tag: top.diff_id().hex() } });
            files.push(("repositories".to_owned(), repositories.to_string().into_bytes()));
        }
        write_tar(path, &files)
    }

    /// Writes the image as `docker save` does from Docker 25 on: an OCI layout that also has the older list.
    ///
    /// `reference` is the name that the archive gives it, such as `app:1.4`.
    pub fn write_docker_archive_with_layout(&self, path: &Path, reference: &str) -> io::Result<()> {
        let tag = reference.rsplit_once(':').map_or("latest", |(_, tag)| tag);
        let mut files = layout(&self.manifest, &self.contents(), tag);
        let layers: Vec<String> = self.layers().into_iter().map(blob_path).collect();
        files.push(docker_list(reference, &blob_path(&self.config), &layers));
        write_tar(path, &files)
    }
}

impl Index {
    /// Writes the index and its images as an OCI layout into the directory `dir`, named `tag` there.
    pub fn write_layout(&self, dir: &Path, tag: &str) -> io::Result<()> {
        write_directory(dir, &layout(&self.manifest, &self.contents(), tag))
    }

    /// Writes the index and its images as a tar of an OCI layout, named `tag` in it.
    pub fn write_oci_archive(&self, path: &Path, tag: &str) -> io::Result<()> {
        write_tar(path, &layout(&self.manifest, &self.contents(), tag))
    }
}

type Files = Vec<(String, Vec<u8>)>;

fn layout(top: &Content, contents: &[&Content], tag: &str) -> Files {
    let mut entry = top.descriptor();
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    });
    let mut files: Files = vec![
        ("oci-layout".to_owned(), OCI_LAYOUT.as_bytes().to_vec()),
        ("index.json".to_owned(), index.to_string().into_bytes()),
    ];
    for content in contents {
        let path = blob_path(content);
        if !files.iter().any(|(there, _)| *there == path) {
            files.push((path, content.bytes.to_vec()));
        }
    }
    files
}

fn docker_list(reference: &str, config: &str, layers: &[String]) -> (String, Vec<u8>) {
    let list: Value = json!([{ "Config": config, "RepoTags": [reference], "Layers": layers }]);
    ("manifest.json".to_owned(), list.to_string().into_bytes())
}

fn blob_path(content: &Content) -> String {
    format!("blobs/{}/{}", content.digest.algorithm().name(), content.digest.hex())
}

fn write_directory(dir: &Path, files: &Files) -> io::Result<()> {
    for (path, bytes) in files {
        let path = dir.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, bytes)?;
    }
    Ok(())
}

fn write_tar(path: &Path, files: &Files) -> io::Result<()> {
    let mut archive = tar::Builder::new(fs::File::create(path)?);
    for (name, bytes) in files {
        append(&mut archive, name, bytes, 0o644)?;
    }
    archive.into_inner()?.sync_all()
}
