//! Cgroup files that stay open from round to round: the kernel makes their text anew for each read at offset 0, and that is a
//! small part of what looking up their path costs.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::flat_keyed::single;

/// Descriptors kept open at most. The kernel holds a page and half a KiB for each that was read (`seq_read_iter`), charged to
/// this process's own cgroup: about 18 MiB for all.
const MOST: u64 = 4096;

/// Descriptors left to the rest of the process: rings, probes, watches, connections.
const RESERVE: u64 = 512;

/// A file that is absent is looked for again after this long: a controller may be enabled later.
const ABSENT_FOR: Duration = Duration::from_secs(60);

/// Controllers of a cgroup are enabled after it was made. While it is this new, absent files are looked for each round.
const NEW_FOR: Duration = Duration::from_secs(10);

/// No cgroup file that is read here comes near it.
const MOST_BYTES: usize = 1 << 20;

/// The files that rounds of readings need. Directories that a round did not ask for are given up at its end.
#[derive(Debug)]
pub(super) struct Files {
    places: HashMap<PathBuf, Place>,
    directories: Vec<Directory>,
    /// Descriptors that are open, and how many may be.
    open: usize,
    most: usize,
    /// When the last round ended.
    now: Instant,
    buffer: Vec<u8>,
}

/// A directory, until the round ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(usize);

#[derive(Debug)]
struct Directory {
    path: PathBuf,
    is_asked_for: bool,
    /// When its cgroup was first seen, or seen to have gone: one of the same name may come.
    since: Instant,
    files: Vec<(&'static str, Known)>,
}

#[derive(Debug)]
enum Known {
    Open(File),
    /// Read by opening it each time, for want of descriptors.
    Passing,
    /// Nothing to read there, found at this time.
    Absent(Instant),
}

impl Default for Files {
    /// Keeps nothing open.
    fn default() -> Self {
        Self::new(0)
    }
}

impl Files {
    /// Keeps so many descriptors open at most; files beyond are opened for each reading.
    pub(super) fn new(most: usize) -> Self {
        Self {
            places: HashMap::new(),
            directories: Vec::new(),
            open: 0,
            most,
            now: Instant::now(),
            buffer: vec![0; 8192],
        }
    }

    /// Ends a round at this time: what it did not ask for is closed.
    pub(super) fn end(&mut self, now: Instant) {
        self.now = now;
        if self.directories.iter().any(|directory| !directory.is_asked_for) {
            self.directories.retain(|directory| directory.is_asked_for);
            self.open = self.directories.iter().map(Directory::open).sum();
            let places = self.directories.iter().enumerate();
            self.places = places.map(|(at, kept)| (kept.path.clone(), Place(at))).collect();
        }
        for directory in &mut self.directories {
            directory.is_asked_for = false;
        }
    }

    /// The place of a directory in this round.
    pub(super) fn place(&mut self, path: &Path) -> Place {
        if let Some(place) = self.places.get(path) {
            self.directories[place.0].is_asked_for = true;
            return *place;
        }
        let place = Place(self.directories.len());
        self.places.insert(path.to_owned(), place);
        self.directories.push(Directory {
            path: path.to_owned(),
            is_asked_for: true,
            since: self.now,
            files: Vec::new(),
        });
        place
    }

    /// What a file says now; `None` when it is absent, cannot be read or is no text.
    pub(super) fn text(&mut self, place: Place, name: &'static str) -> Option<&str> {
        let directory = &mut self.directories[place.0];
        let known = directory.files.iter().position(|(file, _)| *file == name);
        let len = match known.map(|at| &directory.files[at].1) {
            Some(Known::Absent(since)) if !directory.is_due(*since, self.now) => return None,
            Some(Known::Open(file)) => match read(file, &mut self.buffer) {
                Ok(len) => len,
                Err(error) if is_gone(&error) => {
                    self.open -= directory.open();
                    directory.files.clear();
                    directory.since = self.now;
                    self.look(place, name)?
                }
                Err(_) => return None,
            },
            _ => self.look(place, name)?,
        };
        str::from_utf8(&self.buffer[..len]).ok()
    }

    /// The number that a file holds alone.
    pub(super) fn number(&mut self, place: Place, name: &'static str) -> Option<u64> {
        self.text(place, name).and_then(single)
    }

    /// Opens a file and reads it into the buffer.
    fn look(&mut self, place: Place, name: &'static str) -> Option<usize> {
        let directory = &mut self.directories[place.0];
        let read = File::open(directory.path.join(name)).and_then(|file| {
            let len = read(&file, &mut self.buffer)?;
            Ok((file, len))
        });
        let before = directory.files.iter().position(|(file, _)| *file == name);
        let before = before.map(|at| directory.files.swap_remove(at).1);
        match read {
            Ok((file, len)) => {
                let is_kept = self.open < self.most;
                self.open += usize::from(is_kept);
                let known = if is_kept { Known::Open(file) } else { Known::Passing };
                directory.files.push((name, known));
                Some(len)
            }
            // Too many files are open: says nothing of this one.
            Err(error) if matches!(errno(&error), Some(Errno::EMFILE | Errno::ENFILE)) => None,
            Err(_) => {
                if matches!(before, Some(Known::Passing)) {
                    directory.since = self.now;
                }
                directory.files.push((name, Known::Absent(self.now)));
                None
            }
        }
    }
}

impl Directory {
    fn open(&self) -> usize {
        let is_open = |known: &&(&str, Known)| matches!(known.1, Known::Open(_));
        self.files.iter().filter(is_open).count()
    }

    /// Whether a file that was absent at that time is to be looked for again.
    fn is_due(&self, absent: Instant, now: Instant) -> bool {
        now.duration_since(self.since) < NEW_FOR || now.duration_since(absent) >= ABSENT_FOR
    }
}

/// How many descriptors may be kept. Raises this process's soft limit as far as that takes, when the hard one lets it.
pub(super) fn allowance() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return 0;
    };
    let wanted = hard.min(MOST + RESERVE);
    let raised = soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok();
    let limit = if raised { wanted } else { soft };
    usize::try_from(limit.saturating_sub(RESERVE).min(MOST)).unwrap_or(0)
}

/// Reads a whole file from its start; how long it is. One call gives all of a cgroup file that fits.
fn read(file: &File, buffer: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, 0) {
            Ok(len) if len < buffer.len() => return Ok(len),
            Ok(_) if buffer.len() >= MOST_BYTES => return Err(ErrorKind::FileTooLarge.into()),
            Ok(_) => buffer.resize(2 * buffer.len(), 0),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether the cgroup of an open file was removed (`kernfs_seq_start`); there may be a new one of the same name.
fn is_gone(error: &io::Error) -> bool {
    matches!(errno(error), Some(Errno::ENODEV | Errno::ENOENT))
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn said(files: &mut Files, directory: &Path, name: &'static str) -> Option<String> {
        let place = files.place(directory);
        files.text(place, name).map(str::to_owned)
    }

    #[test]
    fn what_a_file_says_now_is_read_through_what_stays_open() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("memory.current");
        let mut files = Files::new(10);
        for text in ["4096\n", "7\n", &"9".repeat(20_000)] {
            fs::write(&file, text).unwrap();
            assert_eq!(said(&mut files, folder.path(), "memory.current").as_deref(), Some(text));
            assert_eq!(files.open, 1);
            files.end(Instant::now());
        }
    }

    #[test]
    fn beyond_the_bound_files_are_read_and_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let mut files = Files::new(2);
        for _ in 0..3 {
            for name in ["a", "b", "c"] {
                assert_eq!(said(&mut files, folder.path(), name).as_deref(), Some(name));
            }
            assert_eq!(files.open, 2);
            files.end(Instant::now());
        }
    }

    #[test]
    fn a_cgroup_that_went_is_looked_for_anew_whether_or_not_its_files_were_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pids.current");
        let mut files = Files::new(0);
        let began = files.now;
        let mut at = |seconds| {
            files.end(began + Duration::from_secs(seconds));
            said(&mut files, folder.path(), "pids.current")
        };
        fs::write(&file, "1").unwrap();
        assert_eq!((at(0).as_deref(), at(100).as_deref()), (Some("1"), Some("1")));
        fs::remove_file(&file).unwrap();
        assert_eq!(at(101), None);
        fs::write(&file, "2").unwrap();
        assert_eq!(at(102).as_deref(), Some("2"));
    }

    #[test]
    fn what_a_round_does_not_ask_for_is_closed_at_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        for directory in [&one, &other] {
            fs::create_dir(directory).unwrap();
            fs::write(directory.join("pids.max"), directory.to_str().unwrap()).unwrap();
        }
        let mut files = Files::new(10);
        said(&mut files, &one, "pids.max").unwrap();
        said(&mut files, &other, "pids.max").unwrap();
        files.end(Instant::now());
        assert_eq!(files.open, 2);
        assert_eq!(said(&mut files, &other, "pids.max").as_deref(), other.to_str());
        files.end(Instant::now());
        assert_eq!((files.open, files.directories.len()), (1, 1));
        assert_eq!(said(&mut files, &other, "pids.max").as_deref(), other.to_str());
        assert_eq!(said(&mut files, &one, "pids.max").as_deref(), one.to_str());
    }

    #[test]
    fn an_absent_file_is_looked_for_while_the_cgroup_is_new_and_then_seldom() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("memory.max");
        let mut files = Files::new(10);
        let began = files.now;
        let mut at = |seconds| {
            files.end(began + Duration::from_secs(seconds));
            said(&mut files, folder.path(), "memory.max")
        };
        assert_eq!((at(0), at(9), at(11)), (None, None, None));
        fs::write(&file, "max\n").unwrap();
        assert_eq!(at(68), None, "it was looked for at 9 s");
        assert_eq!(at(69).as_deref(), Some("max\n"));
        assert_eq!(at(70).as_deref(), Some("max\n"));
    }

    #[test]
    fn a_cgroup_that_is_made_anew_is_not_read_through_the_old_one() {
        let test = "a_cgroup_that_is_made_anew_is_not_read_through_the_old_one";
        let layout = pidmap::Layout::of(Path::new("/sys/fs/cgroup"));
        let Some((tree, name)) = layout
            .memory
            .map(|tree| (tree, "memory.limit_in_bytes"))
            .or_else(|| Some((layout.unified?, "cgroup.max.depth")))
        else {
            return fixtures::skipped(test, "no cgroup tree");
        };
        let cgroup = tree.join(format!("tapio-files-{}", std::process::id()));
        if let Err(error) = fs::create_dir(&cgroup) {
            return fixtures::skipped(test, &error.to_string());
        }
        let mut files = Files::new(10);
        let mut round = || {
            files.end(Instant::now());
            (said(&mut files, &cgroup, name), files.open)
        };
        let first = round();
        fs::write(cgroup.join(name), "8192").unwrap();
        let set = round();
        fs::remove_dir(&cgroup).unwrap();
        let gone = round();
        fs::create_dir(&cgroup).unwrap();
        let anew = round();
        fs::write(cgroup.join(name), "4096").unwrap();
        fs::remove_dir(&cgroup).unwrap();
        fs::create_dir(&cgroup).unwrap();
        let again = round();
        fs::remove_dir(&cgroup).unwrap();
        assert_ne!(set, first);
        assert_eq!(set, (Some("8192\n".to_owned()), 1));
        assert_eq!(gone, (None, 0));
        assert_eq!((&anew, &again), (&first, &first));
    }

    #[test]
    fn some_descriptors_may_be_kept_and_the_rest_of_the_process_has_its_own() {
        let most = allowance() as u64;
        let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert!(
            most <= MOST && most == soft.saturating_sub(RESERVE).min(MOST),
            "{most} of {soft}"
        );
    }
}
