//! An image made by hand: busybox alone, in the OCI layout that `ctr image import` takes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// What the image is called.
pub(crate) const NAME: &str = "tapio.test/busybox:1";

const APPLETS: [&str; 6] = ["sh", "true", "false", "cat", "sleep", "dd"];
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Writes the image below `folder` and gives its archive.
pub(crate) fn make(folder: &Path, busybox: &Path) -> PathBuf {
    let (root, layout) = (folder.join("rootfs"), folder.join("layout"));
    fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    for directory in ["bin", "proc", "dev", "sys", "tmp"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::copy(busybox, root.join("bin/busybox")).unwrap();
    for applet in APPLETS {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    let layer = folder.join("layer.tar");
    pack(&root, &layer);
    let (layer, diff_id) = blob(&layout, LAYER, &fs::read(layer).unwrap());
    let platform = json!({ "architecture": architecture(), "os": "linux" });
    let config = json!({
        "architecture": platform["architecture"],
        "os": "linux",
        "config": {},
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
    });
    let (config, _) = blob(&layout, CONFIG, config.to_string().as_bytes());
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
    let (mut manifest, _) = blob(&layout, MANIFEST, manifest.to_string().as_bytes());
    manifest["platform"] = platform;
    manifest["annotations"] = json!({ "io.containerd.image.name": NAME });
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    fs::write(layout.join("index.json"), index.to_string()).unwrap();
    fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let archive = folder.join("image.tar");
    pack(&layout, &archive);
    archive
}

/// Stores a blob and gives its descriptor and its digest.
fn blob(layout: &Path, media_type: &str, bytes: &[u8]) -> (Value, String) {
    let place = layout.join("blobs/sha256/new");
    fs::write(&place, bytes).unwrap();
    let told = Command::new("sha256sum").arg(&place).output().unwrap();
    let digest = String::from_utf8(told.stdout).unwrap()[..64].to_owned();
    fs::rename(&place, place.with_file_name(&digest)).unwrap();
    let digest = format!("sha256:{digest}");
    let descriptor = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
    (descriptor, digest)
}

fn pack(folder: &Path, archive: &Path) {
    let mut tar = Command::new("tar");
    let packed = tar.arg("--owner=0").arg("--group=0").arg("-cf").arg(archive);
    assert!(packed.arg("-C").arg(folder).arg(".").status().unwrap().success());
}

/// The machine's architecture in the words of OCI images.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
