//! What the live tests share: loading a probe, and waiting for what it says.

pub(crate) mod cgroup;
pub(crate) mod dns;
pub(crate) mod network;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) use fixtures::skipped as skip;
use probes::{Kernel, LoadError, Loaded, Probe, Sighting};

/// How long a record may take to come through.
const PATIENCE: Duration = Duration::from_secs(5);

/// The probe at work, or `None`, said aloud, where this user may not load programs.
pub(crate) fn load(test: &str, probe: &'static Probe) -> Option<Loaded> {
    load_with(test, probe, |_| ())
}

/// As [`load`], after `prepare`.
pub(crate) fn load_with(test: &str, probe: &'static Probe, prepare: impl Fn(&mut Kernel)) -> Option<Loaded> {
    if !nix::unistd::Uid::effective().is_root() {
        skip(test, "not root");
        return None;
    }
    let loaded = Kernel::open().and_then(|mut kernel| {
        prepare(&mut kernel);
        kernel.load(probe)
    });
    match loaded {
        Ok(loaded) => Some(loaded),
        Err(error) if matches!(error, LoadError::NoBtf(_)) || error.fix().contains("CAP_BPF") => {
            skip(test, &error.why());
            None
        }
        Err(error) => panic!("{}; {}", error.why(), error.fix()),
    }
}

/// All sightings up to and with the first that `is_it` accepts.
pub(crate) fn wait_for(loaded: &mut Loaded, is_it: impl Fn(&Sighting) -> bool) -> Vec<Sighting> {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while !seen.iter().any(&is_it) {
        assert!(Instant::now() < deadline, "not seen among {seen:#?}");
        if loaded.drain(1024, |sighting| seen.push(sighting)) == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    seen
}

/// The sighting that `is_it` accepts.
pub(crate) fn find(loaded: &mut Loaded, is_it: impl Fn(&Sighting) -> bool) -> Sighting {
    let seen = wait_for(loaded, &is_it);
    seen.into_iter().find(is_it).unwrap()
}

/// This process's cgroup folder in the v1 memory hierarchy, or in the v2 one where memory is there.
pub(crate) fn own_memory_cgroup() -> PathBuf {
    let text = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let path = |of: &str| {
        text.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let has = controllers.split(',').any(|controller| controller == of);
            has.then(|| path.trim_start_matches('/').to_owned())
        })
    };
    match path("memory") {
        Some(path) => Path::new("/sys/fs/cgroup/memory").join(path),
        None => Path::new("/sys/fs/cgroup").join(path("").unwrap()),
    }
}

/// The id of a cgroup: its folder's inode number.
pub(crate) fn cgroup_id(path: &Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap())
}
