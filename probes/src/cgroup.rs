//! Finds the root of the cgroup2 hierarchy and attaches programs there, so that they see the sockets of every container.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use aya::programs::{CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, CgroupSockAddr, Program, ProgramError};

use crate::error::LoadError;
use crate::probe::{Direction, Program as Description};

/// Inode number of the root of a cgroup hierarchy (`fs/kernfs/mount.c`): a mount of a part of it has another.
const ROOT_INODE: u64 = 1;

/// Opens the root of the cgroup2 hierarchy that `proc/self/mountinfo` under `root` names. Where only a part of it is
/// mounted, as in a container without the host's mount, that part: its sockets alone are seen.
pub(crate) fn open(root: &Path) -> Result<File, LoadError> {
    let found = std::fs::read_to_string(root.join("proc/self/mountinfo")).and_then(|text| open_one(root, &text));
    found.map_err(LoadError::NoCgroup)
}

fn open_one(root: &Path, mountinfo: &str) -> io::Result<File> {
    let mut part = None;
    for mount in mounts(mountinfo) {
        let Ok(folder) = File::open(root.join(mount.strip_prefix("/").unwrap_or(&mount))) else {
            continue;
        };
        if folder.metadata()?.ino() == ROOT_INODE {
            return Ok(folder);
        }
        part.get_or_insert((mount, folder));
    }
    let (mount, folder) = part.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no cgroup2 mount"))?;
    tracing::warn!(mount = %mount.display(), "Only a part of the cgroup2 hierarchy is mounted here; packets of the rest go unseen.");
    Ok(folder)
}

/// Where the cgroup2 hierarchy is mounted, by the text of `mountinfo` (proc(5)).
fn mounts(mountinfo: &str) -> Vec<PathBuf> {
    let mount = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let is_unified = after.split(' ').next()? == "cgroup2";
        is_unified.then(|| before.split(' ').nth(4).map(unescape))?
    };
    mountinfo.lines().filter_map(mount).collect()
}

/// Undoes `\040` and its like, three octal digits, which stand for blanks in paths.
fn unescape(path: &str) -> PathBuf {
    let mut parts = path.split('\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) if code.is_ascii() => {
                text.push(code.into());
                text.push_str(&part[3..]);
            }
            _ => {
                text.push('\\');
                text.push_str(part);
            }
        }
    }
    text.into()
}

/// Loads a program and attaches it to the packets that sockets receive or send. It coexists with others there.
pub(crate) fn attach_to_packets(
    program: &mut Program,
    description: &Description,
    direction: Direction,
) -> Result<(), LoadError> {
    let refused = |source| description.refused(source);
    let program: &mut CgroupSkb = program.try_into().map_err(refused)?;
    program.load().map_err(refused)?;
    let kind = match direction {
        Direction::Ingress => CgroupSkbAttachType::Ingress,
        Direction::Egress => CgroupSkbAttachType::Egress,
    };
    let attached = program.attach(open(Path::new("/"))?, kind, CgroupAttachMode::Single);
    attached.map(drop).map_err(|source| description.unattached(source))
}

/// Loads a program and attaches it to the calls that name an address, those that its section says.
pub(crate) fn attach_to_addresses(program: &mut Program, description: &Description) -> Result<(), LoadError> {
    let refused = |source: ProgramError| description.refused(source);
    let program: &mut CgroupSockAddr = program.try_into().map_err(refused)?;
    program.load().map_err(refused)?;
    let attached = program.attach(open(Path::new("/"))?, CgroupAttachMode::Single);
    attached.map(drop).map_err(|source| description.unattached(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
23 1 254:0 / / rw,relatime - ext4 /dev/root rw
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
    const UNIFIED: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 master:3 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n";

    fn paths(mountinfo: &str) -> Vec<String> {
        mounts(mountinfo)
            .iter()
            .map(|mount| mount.display().to_string())
            .collect()
    }

    #[test]
    fn fault_17_the_hierarchy_is_found_on_hybrid_and_on_unified_hosts() {
        assert_eq!(paths(HYBRID), ["/sys/fs/cgroup/unified"]);
        assert_eq!(paths(UNIFIED), ["/sys/fs/cgroup"]);
    }

    #[test]
    fn lines_that_are_no_mounts_are_passed_over() {
        assert_eq!(paths("\n- cgroup2\n1 2 3 - cgroup2 x\n\u{0}"), [""; 0]);
    }

    #[test]
    fn a_mount_point_with_blanks_is_read_as_it_is() {
        let line = "41 31 0:38 / /a\\040b\\134c rw - cgroup2 cgroup2 rw";
        assert_eq!(paths(line), ["/a b\\c"]);
        assert_eq!(unescape("a\\9é\\").to_str(), Some("a\\9é\\"));
    }

    #[test]
    fn a_host_without_the_hierarchy_is_told_what_to_mount() {
        let root = std::env::temp_dir().join(format!("tapio-no-cgroup2-{}", std::process::id()));
        std::fs::create_dir_all(root.join("proc/self")).unwrap();
        std::fs::write(root.join("proc/self/mountinfo"), HYBRID).unwrap();
        let error = open(&root).unwrap_err();
        std::fs::remove_dir_all(&root).unwrap();
        assert!(error.why().contains("no cgroup2 mount"), "{}", error.why());
        assert!(error.fix().contains("cgroup2"), "{}", error.fix());
    }
}
