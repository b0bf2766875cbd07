//! Why a probe is not there, and what a user can do about it.

use std::error::Error;
use std::io;

use aya::maps::MapError;
use aya::programs::ProgramError;
use aya::programs::links::LinkError;
use aya::{BtfError, EbpfError};

/// `EPERM` of `errno.h`. The verifier says no with `EACCES`, which `io::ErrorKind` does not tell apart.
const EPERM: i32 = 1;

/// Why a probe could not be loaded, attached or read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The kernel does not describe its types.
    #[error("reading the kernel's BTF from /sys/kernel/btf/vmlinux")]
    NoBtf(#[source] BtfError),
    /// There is no cgroup2 hierarchy to attach to.
    #[error("opening the root of the cgroup2 hierarchy")]
    NoCgroup(#[source] io::Error),
    /// The object could not be prepared for this kernel, or its maps could not be made.
    #[error("preparing the object of {probe}")]
    Object {
        /// Name of the probe.
        probe: &'static str,
        /// The cause.
        source: Box<EbpfError>,
    },
    /// The object lacks a program or map that the probe's description names.
    #[error("the object of {probe} has no {part}; run probes/compile and build again")]
    Missing {
        /// Name of the probe.
        probe: &'static str,
        /// Name of the program or map.
        part: &'static str,
    },
    /// The kernel refused the program.
    #[error("loading {program} for {hook}")]
    Load {
        /// Name of the program.
        program: &'static str,
        /// Where it should have attached.
        hook: String,
        /// The cause.
        source: Box<ProgramError>,
    },
    /// The program is in the kernel but could not be attached.
    #[error("attaching {program} to {hook}")]
    Attach {
        /// Name of the program.
        program: &'static str,
        /// Where it should have attached.
        hook: String,
        /// The cause.
        source: Box<ProgramError>,
    },
    /// A map could not be opened.
    #[error("opening the map {map} of {probe}")]
    Map {
        /// Name of the probe.
        probe: &'static str,
        /// Name of the map.
        map: &'static str,
        /// The cause.
        source: Box<MapError>,
    },
    /// An iterator could not be started.
    #[error("starting a read of {probe}")]
    Start {
        /// Name of the probe.
        probe: &'static str,
        /// The cause.
        source: LinkError,
    },
    /// An iterator could not be read.
    #[error("reading {probe}")]
    Read {
        /// Name of the probe.
        probe: &'static str,
        /// The cause.
        source: io::Error,
    },
}

impl LoadError {
    /// What failed and the innermost cause, on one line.
    #[must_use]
    pub fn why(&self) -> String {
        let mut why = self.to_string();
        if let Some(cause) = self.causes().last() {
            why.push_str(": ");
            why.push_str(&cause.to_string());
        }
        why
    }

    /// What a user can do.
    #[must_use]
    pub fn fix(&self) -> &'static str {
        let errno = self
            .causes()
            .find_map(|cause| cause.downcast_ref::<io::Error>()?.raw_os_error());
        match self {
            Self::NoBtf(_) => "needs Linux 5.10 or later built with CONFIG_DEBUG_INFO_BTF=y",
            Self::NoCgroup(_) => "mount the host's cgroup2 hierarchy, usually /sys/fs/cgroup or /sys/fs/cgroup/unified",
            _ if errno == Some(EPERM) => {
                "needs CAP_BPF and CAP_PERFMON, packets CAP_NET_ADMIN too; run as root, and check that seccomp and lockdown allow bpf()"
            }
            Self::Missing { .. } => "run probes/compile and build again",
            _ => "this kernel lacks the hook or refuses the program; RUST_LOG=debug prints the verifier's log",
        }
    }

    fn causes(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        std::iter::successors(self.source(), |cause| (*cause).source())
    }
}

#[cfg(test)]
mod tests {
    use aya::sys::SyscallError;

    use super::*;

    fn refused(errno: i32) -> LoadError {
        LoadError::Load {
            program: "tcp_connect",
            hook: "tp_btf/inet_sock_set_state".to_owned(),
            source: Box::new(ProgramError::SyscallError(SyscallError {
                call: "bpf_prog_load",
                io_error: io::Error::from_raw_os_error(errno),
            })),
        }
    }

    #[test]
    fn a_missing_capability_is_named_with_the_program_and_its_hook() {
        let error = refused(EPERM);
        let why = "loading tcp_connect for tp_btf/inet_sock_set_state: Operation not permitted (os error 1)";
        assert_eq!(error.why(), why);
        assert!(error.fix().contains("CAP_BPF"));
    }

    #[test]
    fn a_refusal_by_the_verifier_is_not_taken_for_a_missing_capability() {
        assert!(refused(13).fix().contains("verifier"));
    }

    #[test]
    fn a_kernel_without_btf_is_told_what_to_build() {
        assert!(
            LoadError::NoBtf(BtfError::InvalidHeader)
                .fix()
                .contains("CONFIG_DEBUG_INFO_BTF")
        );
    }
}
