//! Limits that processes run into, told from the errors of their system calls (`syscall` probe: `syscall.errno:<call>:<ERRNO>`).

use std::time::Duration;

use correlator::{RunView, Signal, Timestamp};

use crate::ends::End;

/// An error this long before the end may have caused it.
const JUST_BEFORE: Duration = Duration::from_secs(10);

/// What ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Limit {
    /// Open files of one process (`RLIMIT_NOFILE`).
    OpenFiles,
    /// Open files of the node (`fs.file-max`).
    NodeFiles,
    /// inotify instances of one user (`fs.inotify.max_user_instances`), or open files.
    InotifyInstances,
    /// inotify watches of one user (`fs.inotify.max_user_watches`).
    InotifyWatches,
    /// epoll watches of one user (`fs.epoll.max_user_watches`).
    EpollWatches,
    /// Room, or inodes, on a file system.
    Disk,
    /// Processes and threads.
    Tasks,
    /// The address to bind is not one of this network namespace.
    Address,
    /// The port to bind is taken.
    Port,
}

/// Errors of one limit in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) limit: Limit,
    /// The call that failed most often, and its error: `openat:EMFILE`.
    pub(crate) call: &'static str,
    pub(crate) count: u64,
    pub(crate) last: Timestamp,
}

const PREFIX_LEN: usize = "syscall.errno:".len();

macro_rules! wants {
    ($($limit:ident: $($call:literal)+;)+) => {
        &[$($((Limit::$limit, concat!("syscall.errno:", $call)),)+)+]
    };
}

/// The calls that tell of each limit, by the manual pages of each call. `connect:EADDRNOTAVAIL` is of no use here: it tells of
/// used-up ports.
const WANTS: &[(Limit, &str)] = wants! {
    OpenFiles: "openat:EMFILE" "open:EMFILE" "openat2:EMFILE" "socket:EMFILE" "accept4:EMFILE" "accept:EMFILE" "pipe2:EMFILE"
        "dup:EMFILE" "fcntl:EMFILE" "epoll_create1:EMFILE" "eventfd2:EMFILE" "socketpair:EMFILE" "timerfd_create:EMFILE"
        "memfd_create:EMFILE";
    NodeFiles: "openat:ENFILE" "open:ENFILE" "socket:ENFILE" "accept4:ENFILE" "accept:ENFILE" "pipe2:ENFILE"
        "epoll_create1:ENFILE" "eventfd2:ENFILE";
    InotifyInstances: "inotify_init1:EMFILE" "inotify_init:EMFILE";
    InotifyWatches: "inotify_add_watch:ENOSPC";
    EpollWatches: "epoll_ctl:ENOSPC";
    Disk: "write:ENOSPC" "pwrite64:ENOSPC" "writev:ENOSPC" "openat:ENOSPC" "open:ENOSPC" "mkdirat:ENOSPC" "mkdir:ENOSPC"
        "fallocate:ENOSPC" "ftruncate:ENOSPC" "fsync:ENOSPC" "fdatasync:ENOSPC" "rename:ENOSPC" "renameat2:ENOSPC"
        "copy_file_range:ENOSPC" "sendfile:ENOSPC";
    Tasks: "clone:EAGAIN" "clone3:EAGAIN" "fork:EAGAIN" "vfork:EAGAIN";
    Address: "bind:EADDRNOTAVAIL";
    Port: "bind:EADDRINUSE" "listen:EADDRINUSE";
};

/// The limits that a run hit at `from` or later and not after `to`, each once.
pub(crate) fn hits(run: RunView<'_>, from: Timestamp, to: Timestamp) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    for (limit, signal) in WANTS {
        let Some(hit) = hit(run, *limit, signal, from, to) else {
            continue;
        };
        match hits.last_mut().filter(|last| last.limit == *limit) {
            Some(last) => *last = joined(*last, hit),
            None => hits.push(hit),
        }
    }
    hits
}

fn joined(a: Hit, b: Hit) -> Hit {
    Hit {
        call: if b.count > a.count { b.call } else { a.call },
        count: a.count + b.count,
        last: a.last.max(b.last),
        ..a
    }
}

fn hit(run: RunView<'_>, limit: Limit, signal: &'static str, from: Timestamp, to: Timestamp) -> Option<Hit> {
    let series = run.history.series(&Signal::new(signal))?;
    let near = series.buckets().filter(|bucket| bucket.at >= from && bucket.at <= to);
    let (count, last) = near.fold((0.0, None), |(sum, _), bucket| (sum + bucket.sum, Some(bucket.at)));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
    let count = count as u64;
    let call = &signal[PREFIX_LEN..];
    last.map(|last| Hit {
        limit,
        call,
        count,
        last,
    })
}

/// The limits that a run hit just before its end. The counts are read once a second, so the last may come after it.
pub(crate) fn before(end: &End<'_>) -> Vec<Hit> {
    let to = end.at.plus(Duration::from_secs(1));
    end.run
        .map(|run| hits(run, end.at.minus(JUST_BEFORE), to))
        .unwrap_or_default()
}
