//! Watches the cgroup trees, so that a container is known before its first process runs.
//!
//! `mkdir` queues its inotify event before it returns, and a runtime moves a process into a cgroup only after that. Who
//! meets an unknown cgroup id takes what is queued first, so there is nothing to wait for.

use std::collections::HashMap;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use crate::path::{self, CgroupOwner};
use crate::tree::{Directory, Hierarchy, Layout, Walk, cgroup_id};
use crate::{PidMap, WatchError};

/// The trees are walked this often although nothing was missed: it ends the five minutes of what is gone, and finds what
/// the watches do not cover.
const WALK_EVERY: Duration = Duration::from_secs(30);
/// Never more directories than this: a watch pins about a kilobyte of kernel memory.
const MAX_WATCHES: usize = 16_384;
/// The limit is one for all processes of a user, and the kubelet and the runtime need watches too.
const SHARE: usize = 4;
/// The kernel's smallest default of that limit.
const SMALLEST_LIMIT: usize = 8192;

/// Keeps a [`PidMap`] up to date from a thread of its own; dropping it ends the thread.
#[derive(Debug)]
pub struct Watching {
    stop: Arc<AtomicBool>,
    map: Arc<PidMap>,
    watches: Arc<Watches>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = self.watches.bell.write(1);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let mut watches = self.map.watches.write().unwrap_or_else(PoisonError::into_inner);
        watches.take_if(|watches| Arc::ptr_eq(watches, &self.watches));
    }
}

/// The watches, shared by the thread and by everyone who meets an unknown id.
#[derive(Debug)]
pub(crate) struct Watches {
    inotify: Inotify,
    /// Wakes the thread.
    bell: EventFd,
    /// Somebody wants a walk.
    asked: AtomicBool,
    limit: usize,
    places: Mutex<HashMap<WatchDescriptor, Place>>,
}

/// What a watch is of.
#[derive(Debug)]
struct Place {
    hierarchy: Hierarchy,
    path: String,
}

impl Watches {
    fn new(proc: &Path) -> Result<Self, Errno> {
        let limit = std::fs::read_to_string(proc.join("sys/fs/inotify/max_user_watches"));
        let limit = limit.ok().and_then(|text| text.trim().parse().ok());
        Ok(Self {
            inotify: Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?,
            bell: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?,
            asked: AtomicBool::new(false),
            limit: (limit.unwrap_or(SMALLEST_LIMIT) / SHARE).min(MAX_WATCHES),
            places: Mutex::default(),
        })
    }
}

impl PidMap {
    /// Takes in what is there now, and from then on every cgroup as it is made, until the guard is dropped. A lookup then
    /// never walks the trees itself.
    ///
    /// Takes at most 16,384 inotify watches and no more than a quarter of what the user may have; directories beyond are
    /// counted in [`Stats::unwatched`](crate::Stats::unwatched) and found by walks in the background.
    pub fn watch(self: &Arc<Self>) -> Result<Watching, WatchError> {
        let watches = Watches::new(&self.roots.proc).map_err(|errno| WatchError::Inotify(errno.into()))?;
        let watches = Arc::new(watches);
        self.scan.let_walk();
        self.walk_and_watch(&watches, Instant::now());
        *self.watches.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&watches));
        let stop = Arc::new(AtomicBool::new(false));
        let mut watching = Watching {
            stop: Arc::clone(&stop),
            map: Arc::clone(self),
            watches: Arc::clone(&watches),
            thread: None,
        };
        let map = Arc::clone(self);
        let thread = std::thread::Builder::new().name("cgroup-watch".to_owned());
        let thread = thread.spawn(move || map.keep_up(&watches, &stop));
        watching.thread = Some(thread.map_err(WatchError::Thread)?);
        Ok(watching)
    }

    /// Takes in the cgroups made since the last time; says whether the trees are watched at all.
    pub(crate) fn catch_up(&self) -> bool {
        let Some(watches) = self.watches() else { return false };
        self.take(&watches);
        true
    }

    /// Whether every directory is watched and none went away since the last walk.
    pub(crate) fn is_up_to_date(&self) -> bool {
        self.catch_up() && self.counts.unwatched.load(Ordering::Relaxed) == 0 && !self.scan.is_stale()
    }

    /// Wants a walk in the background.
    pub(crate) fn ask_for_walk(&self) {
        if let Some(watches) = self.watches()
            && !watches.asked.swap(true, Ordering::AcqRel)
        {
            let _ = watches.bell.write(1);
        }
    }

    fn watches(&self) -> Option<Arc<Watches>> {
        self.watches.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the thread does.
    fn keep_up(&self, watches: &Watches, stop: &AtomicBool) {
        let mut walked = Instant::now();
        while !stop.load(Ordering::Acquire) {
            let now = Instant::now();
            let mut rest = WALK_EVERY.saturating_sub(now.saturating_duration_since(walked));
            if watches.asked.load(Ordering::Acquire) {
                rest = rest.min(self.scan.due_in(now));
            }
            if rest.is_zero() {
                watches.asked.store(false, Ordering::Release);
                self.walk_and_watch(watches, now);
                walked = now;
                continue;
            }
            let mut fds = [
                PollFd::new(watches.inotify.as_fd(), PollFlags::POLLIN),
                PollFd::new(watches.bell.as_fd(), PollFlags::POLLIN),
            ];
            // A millisecond more, so that what is due then is not asked for a moment too early.
            let timeout = PollTimeout::try_from(rest + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
            let _ = poll(&mut fds, timeout);
            let _ = watches.bell.read();
            self.take(watches);
        }
    }

    fn walk_and_watch(&self, watches: &Watches, now: Instant) {
        let layout = Layout::of(&self.roots.cgroup);
        let mut refused = 0;
        let walked = self.rescan_in_background(now, |directory| {
            refused += usize::from(!watches.add(&layout, directory));
        });
        if walked {
            self.counts.unwatched.store(refused, Ordering::Relaxed);
        }
    }

    /// Takes what is queued. One at a time, so that whoever comes second finds it all taken in.
    fn take(&self, watches: &Watches) {
        let mut places = watches.places.lock().unwrap_or_else(PoisonError::into_inner);
        let layout = self.layout();
        loop {
            let events = match watches.inotify.read_events() {
                Ok(events) => events,
                Err(Errno::EINTR) => continue,
                Err(_) => return,
            };
            for event in events {
                self.note(watches, &mut places, &layout, &event);
            }
        }
    }

    fn note(
        &self,
        watches: &Watches,
        places: &mut HashMap<WatchDescriptor, Place>,
        layout: &Layout,
        event: &InotifyEvent,
    ) {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            self.counts.overflows.fetch_add(1, Ordering::Relaxed);
            self.scan.went();
            self.ask_for_walk();
        } else if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            places.remove(&event.wd);
        } else if event
            .mask
            .intersects(AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM)
        {
            self.scan.went();
        } else if let (Some(place), Some(name)) = (places.get(&event.wd), &event.name) {
            let path = format!("{}/{}", place.path.trim_end_matches('/'), name.to_string_lossy());
            self.enter(watches, places, layout, place.hierarchy, path);
        }
    }

    /// Takes in a directory that was just made, and what was made in it before it was watched.
    fn enter(
        &self,
        watches: &Watches,
        places: &mut HashMap<WatchDescriptor, Place>,
        layout: &Layout,
        hierarchy: Hierarchy,
        path: String,
    ) {
        let Some(root) = layout.tree(hierarchy) else { return };
        let Some(id) = cgroup_id(&root.join(path.trim_start_matches('/'))) else {
            return;
        };
        for directory in Walk::from(root, Directory::new(hierarchy, id, path)) {
            if !watches.add_to(places, layout, &directory) {
                self.counts.unwatched.fetch_add(1, Ordering::Relaxed);
            }
            self.scan.came(hierarchy, &self.admit(&directory));
        }
    }
}

impl Watches {
    fn add(&self, layout: &Layout, directory: &Directory) -> bool {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        self.add_to(&mut places, layout, directory)
    }

    /// Watches a directory, again if it was; false when it should be and cannot, as there are too many already.
    fn add_to(&self, places: &mut HashMap<WatchDescriptor, Place>, layout: &Layout, directory: &Directory) -> bool {
        if is_deep(&directory.path) {
            return true;
        }
        let hierarchy = directory.key.hierarchy;
        let Some(root) = layout.tree(hierarchy) else {
            return true;
        };
        let place = root.join(directory.path.trim_start_matches('/'));
        let comes_and_goes = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_MOVED_TO;
        let flags = comes_and_goes | AddWatchFlags::IN_ONLYDIR | AddWatchFlags::IN_DONT_FOLLOW;
        match self.inotify.add_watch(&place, flags) {
            Ok(watch) if places.len() >= self.limit && !places.contains_key(&watch) => {
                let _ = self.inotify.rm_watch(watch);
                false
            }
            Ok(watch) => {
                let path = directory.path.clone();
                places.insert(watch, Place { hierarchy, path });
                true
            }
            // It is gone already.
            Err(Errno::ENOENT | Errno::ENOTDIR) => true,
            Err(_) => false,
        }
    }
}

/// Whether a directory is inside that of a pod's container: what a container makes there is that container's anyhow.
/// In a container that no pod owns there may be a whole node (kind, minikube).
fn is_deep(path: &str) -> bool {
    let above = path.rsplit_once('/').map_or("", |(above, _)| above);
    matches!(path::parse(above), CgroupOwner::Container { pod_uid: Some(_), .. })
}

#[cfg(test)]
mod tests;
