//! System calls: their names, and which of them the kernel side treats apart (mirrors `include/syscall.h`).

use std::sync::LazyLock;

use nix::errno::Errno;
use syscalls::Sysno;

/// Numbers that the kernel side tells apart.
const NUMBERS: usize = 512;
const FROM_32_BIT: u32 = 512;

const TIMED: u8 = 1;
const WAITS: u8 = 2;
const MAKES_TASKS: u8 = 4;
pub(crate) const READS: u8 = 8;
pub(crate) const WRITES: u8 = 16;
pub(crate) const SYNCS: u8 = 32;

/// By name: an architecture lacks some of them.
const KINDS: [(&str, u8); 34] = [
    ("read", TIMED | READS),
    ("readv", TIMED | READS),
    ("pread64", TIMED | READS),
    ("preadv", READS),
    ("preadv2", READS),
    ("write", TIMED | WRITES),
    ("writev", TIMED | WRITES),
    ("pwrite64", TIMED | WRITES),
    ("pwritev", WRITES),
    ("pwritev2", WRITES),
    ("fsync", TIMED | SYNCS),
    ("fdatasync", TIMED | SYNCS),
    ("sync_file_range", SYNCS),
    ("open", TIMED),
    ("openat", TIMED),
    ("connect", TIMED),
    ("accept", TIMED),
    ("accept4", TIMED),
    ("sendto", TIMED),
    ("recvfrom", TIMED),
    ("sendmsg", TIMED),
    ("recvmsg", TIMED),
    ("futex", TIMED | WAITS),
    ("futex_wait", WAITS),
    ("futex_waitv", WAITS),
    ("poll", TIMED),
    ("ppoll", TIMED),
    ("epoll_wait", TIMED),
    ("epoll_pwait", TIMED),
    ("epoll_pwait2", TIMED),
    ("clone", MAKES_TASKS),
    ("clone3", MAKES_TASKS),
    ("fork", MAKES_TASKS),
    ("vfork", MAKES_TASKS),
];

/// The kinds of each system call, by its number on this architecture; the loader hands it to the programs.
pub(crate) static CLASSES: LazyLock<[u8; NUMBERS]> = LazyLock::new(|| {
    let mut classes = [0; NUMBERS];
    for (number, class) in classes.iter_mut().enumerate() {
        let kind = KINDS
            .iter()
            .find(|(name, _)| Sysno::new(number).is_some_and(|call| call.name() == *name));
        *class = kind.map_or(0, |(_, kind)| *kind);
    }
    classes
});

/// The name of a call by the number that the kernel side gives. Calls of 32-bit programs have other numbers and are
/// lumped together; so are those that this build does not know.
pub(crate) fn name_of_call(number: u32) -> &'static str {
    let call = usize::try_from(number).ok().and_then(Sysno::new);
    match call {
        _ if number == FROM_32_BIT => "32-bit",
        Some(call) => call.name(),
        None => "unknown",
    }
}

/// The name of an errno as in errno.h, such as `ENOENT`; `unknown` for what the C library has no name for.
pub(crate) fn name_of_errno(errno: u32) -> String {
    match i32::try_from(errno).map(Errno::from_raw) {
        Ok(Errno::UnknownErrno) | Err(_) => "unknown".to_owned(),
        Ok(errno) => format!("{errno:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_the_kinds_that_its_name_says() {
        let class = |call: Sysno| CLASSES[usize::try_from(call.id()).unwrap()];
        assert_eq!(class(Sysno::read), TIMED | READS);
        assert_eq!(class(Sysno::fsync), TIMED | SYNCS);
        assert_eq!(class(Sysno::futex), TIMED | WAITS);
        assert_eq!(class(Sysno::clone3), MAKES_TASKS);
        assert_eq!(class(Sysno::getppid), 0);
    }

    #[test]
    fn names_are_those_of_this_architecture_and_unknown_numbers_have_one_name() {
        assert_eq!(name_of_call(Sysno::openat.id().cast_unsigned()), "openat");
        assert_eq!(name_of_call(511), "unknown");
        assert_eq!(name_of_call(512), "32-bit");
        assert_eq!(name_of_call(513), "unknown");
    }

    #[test]
    fn an_errno_is_called_as_in_errno_h() {
        assert_eq!(name_of_errno(2), "ENOENT");
        assert_eq!(name_of_errno(24), "EMFILE");
        assert_eq!(name_of_errno(4000), "unknown");
    }
}
