//! Pods' volumes that have a file system of their own, from the mount table: `<kubelet>/pods/<uid>/volumes/<plugin>/<name>`,
//! and `mount` below it for CSI. What shares the node's file system has no limit of its own; what the kubelet writes
//! once (Secrets, `ConfigMaps`, projected files) and what is read-only does not fill up.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use correlator::{Subject, signals};
use nix::sys::stat::{major, minor};
use pidmap::PidMap;

use super::disk::Space;
use super::{Places, Said, Seen};

/// Most volumes of a pod and of all; each has four signals of the 64 that are kept of a pod.
const OF_A_POD: usize = 12;
const OF_ALL: usize = 4096;
/// Volumes that the kubelet fills itself.
const WRITTEN_ONCE: [&str; 4] = [
    "kubernetes.io~projected",
    "kubernetes.io~secret",
    "kubernetes.io~configmap",
    "kubernetes.io~downward-api",
];
/// File systems of servers. One that does not answer holds up whoever asks for its space, and cannot be told before.
const REMOTE: [&str; 14] = [
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "9p", "afs", "lustre", "beegfs", "gfs2", "ocfs2", "gpfs", "fuse",
];

/// A volume's mount.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Volume {
    place: PathBuf,
    remote: bool,
}

/// Says how full each volume is.
pub(super) fn read(places: &Places, pods: &PidMap, said: &mut Said, seen: &mut Seen) {
    // Of this thread: a container may have a mount table of its own, and so may a thread.
    let Some(table) = mounts(&places.proc, "thread-self") else {
        return;
    };
    let pods_folder = places.kubelet.join("pods");
    seen.out_of_sight = !has_mounts(&table, &pods_folder) && {
        mounts(&places.proc, "1").is_some_and(|of_the_node| has_mounts(&of_the_node, &pods_folder))
    };
    let shared = places.kubelet.metadata().map(|metadata| {
        let device = metadata.dev();
        format!("{}:{}", major(device), minor(device))
    });
    let volumes = parse(&table, &pods_folder, shared.as_deref().unwrap_or_default());
    let (mut told, mut of_this) = (0, (String::new(), 0));
    for ((uid, name), volume) in volumes {
        if of_this.0 != uid {
            of_this = (uid.clone(), 0);
        }
        if volume.remote {
            seen.remote += 1;
        } else if told >= OF_ALL || of_this.1 >= OF_A_POD {
            seen.too_many_volumes += 1;
        } else if let Some(space) = Space::of(&volume.place) {
            say(&Subject::Pod(pods.pod(&uid)), &name, &space, said);
            told += 1;
            of_this.1 += 1;
        }
    }
}

/// The mount table of a process; one path in it that is no UTF-8 does not hide the others.
fn mounts(proc: &Path, of: &str) -> Option<String> {
    let bytes = fs::read(proc.join(of).join("mountinfo")).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether anything is mounted below this folder: every pod has a token there.
fn has_mounts(table: &str, pods: &Path) -> bool {
    table.contains(&format!(" {}/", pods.display()))
}

/// What users may fill is what they have and what is left to them.
fn say(pod: &Subject, name: &str, space: &Space, said: &mut Said) {
    let bytes = space.bytes;
    let size = bytes.used.saturating_add(bytes.available);
    said.gauge(pod, signals::VOLUME_SIZE_BYTES.labelled(name), size);
    said.gauge(pod, signals::VOLUME_USED_BYTES.labelled(name), bytes.used);
    let Some(inodes) = space.inodes else { return };
    let size = inodes.used.saturating_add(inodes.available);
    said.gauge(pod, signals::VOLUME_SIZE_INODES.labelled(name), size);
    said.gauge(pod, signals::VOLUME_USED_INODES.labelled(name), inodes.used);
}

/// The volumes in a mount table (`/proc/<pid>/mountinfo`, Documentation/filesystems/proc.rst) by pod uid and name, without
/// those on the device that the kubelet's own files are on. The last mount on a place is the one in sight.
fn parse(table: &str, pods: &Path, shared: &str) -> BTreeMap<(String, String), Volume> {
    let mut volumes = BTreeMap::new();
    for line in table.lines() {
        let Some((fields, file_system)) = line.split_once(" - ") else {
            continue;
        };
        let mut fields = fields.split(' ').skip(2);
        let (Some(device), Some(_root), Some(place), Some(options)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let place = PathBuf::from(unescaped(place));
        let Some(key) = place.strip_prefix(pods).ok().and_then(named) else {
            continue;
        };
        let kind = file_system.split(' ').next().unwrap_or_default();
        let kind = kind.split_once('.').map_or(kind, |(kind, _)| kind);
        volumes.remove(&key);
        if device != shared && !options.split(',').any(|option| option == "ro") {
            let remote = REMOTE.contains(&kind);
            volumes.insert(key, Volume { place, remote });
        }
    }
    volumes
}

/// Pod uid and name of the volume at this place below the kubelet's `pods`.
fn named(below: &Path) -> Option<(String, String)> {
    let parts: Vec<&str> = below.iter().map(|part| part.to_str()).collect::<Option<_>>()?;
    let ([uid, "volumes", plugin, name] | [uid, "volumes", plugin, name, "mount"]) = parts[..] else {
        return None;
    };
    let fills = !WRITTEN_ONCE.contains(&plugin) && !name.contains(':');
    fills.then(|| (uid.to_owned(), name.to_owned()))
}

/// Spaces, tabs, line ends and backslashes are octal in the table.
fn unescaped(field: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(field.to_owned(), |text, (code, sign)| text.replace(code, sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PODS: &str = "/var/lib/kubelet/pods";
    const UID: &str = "0c2d5f0e-8a77-4a3b-9c55-1f2e3d4c5b6a";

    fn table(lines: &[(&str, &str, &str, &str)]) -> String {
        let line = |(device, place, options, kind): &(&str, &str, &str, &str)| {
            format!("36 35 {device} / {PODS}/{UID}/volumes/{place} {options},relatime shared:1 - {kind} source rw\n")
        };
        lines.iter().map(line).collect()
    }

    fn names(table: &str) -> Vec<(String, bool)> {
        let volumes = parse(table, Path::new(PODS), "8:1");
        assert!(volumes.keys().all(|(uid, _)| uid == UID));
        volumes
            .into_iter()
            .map(|((_, name), volume)| (name, volume.remote))
            .collect()
    }

    #[test]
    fn volumes_with_a_file_system_of_their_own_are_found() {
        let table = table(&[
            ("0:50", "kubernetes.io~empty-dir/cache", "rw", "tmpfs"),
            ("253:0", "kubernetes.io~csi/pvc-1/mount", "rw", "ext4"),
            ("0:51", "kubernetes.io~nfs/share", "rw", "nfs4"),
            ("0:52", "kubernetes.io~csi/pvc-2/mount", "rw", "fuse.s3fs"),
        ]);
        let expected = [("cache", false), ("pvc-1", false), ("pvc-2", true), ("share", true)];
        assert_eq!(names(&table), expected.map(|(name, remote)| (name.to_owned(), remote)));
    }

    #[test]
    fn what_does_not_fill_up_by_itself_is_left_out() {
        let table = table(&[
            ("0:60", "kubernetes.io~projected/kube-api-access", "rw", "tmpfs"),
            ("0:61", "kubernetes.io~secret/tls", "rw", "tmpfs"),
            ("253:1", "kubernetes.io~csi/models/mount", "ro", "ext4"),
            ("8:1", "kubernetes.io~local-volume/on-the-nodes-disk", "rw", "ext4"),
            ("253:2", "kubernetes.io~csi/pvc/globalmount/deeper", "rw", "ext4"),
        ]);
        assert_eq!(names(&table), []);
    }

    #[test]
    fn the_last_mount_on_a_place_counts_and_spaces_are_read() {
        let twice = table(&[
            ("0:50", "kubernetes.io~empty-dir/a\\040b", "rw", "tmpfs"),
            ("8:1", "kubernetes.io~empty-dir/a\\040b", "rw", "ext4"),
            ("0:50", "kubernetes.io~empty-dir/c\\040d", "rw", "tmpfs"),
        ]);
        assert_eq!(names(&twice), [("c d".to_owned(), false)]);
    }

    #[test]
    fn mounts_that_only_the_first_process_sees_are_out_of_sight() {
        let root = tempfile::tempdir().unwrap();
        let mounted = table(&[("0:60", "kubernetes.io~projected/kube-api-access", "rw", "tmpfs")]);
        let seen = |own: &str, of_the_node: &str| {
            for (file, text) in [("thread-self", own), ("1", of_the_node)] {
                let folder = root.path().join(file);
                fs::create_dir_all(&folder).unwrap();
                let not_utf8 = b"36 35 0:1 / /mnt/\xff rw - tmpfs tmpfs rw\n";
                fs::write(folder.join("mountinfo"), [not_utf8, text.as_bytes()].concat()).unwrap();
            }
            let places = Places {
                proc: root.path().to_owned(),
                cgroup: "/nonexistent".into(),
                kubelet: "/var/lib/kubelet".into(),
            };
            let roots = pidmap::Roots {
                proc: "/nonexistent".into(),
                cgroup: "/nonexistent".into(),
            };
            let (mut said, mut seen) = (Said::new(correlator::Timestamp::from_secs(1)), Seen::default());
            read(&places, &PidMap::new(roots, 0), &mut said, &mut seen);
            seen.out_of_sight
        };
        assert!(seen("", &mounted));
        assert!(!seen(&mounted, &mounted));
        assert!(!seen("", ""), "a machine without a kubelet");
    }

    #[test]
    fn junk_is_no_volume() {
        let junk = format!("\n1 2\n - \n36 35 0:1 / {PODS}\n36 35 0:1 / {PODS}/x/volumes rw - tmpfs\n\u{0}\u{1b}[31m");
        assert!(parse(&junk, Path::new(PODS), "8:1").is_empty());
    }
}
