//! Takes up the capabilities that this process was given, and gives them up once everything that needs them is done.
//!
//! Capabilities belong to threads, so this runs before any other thread is started; those inherit what is left. The files
//! that a run reads later are open to everyone: `/proc/<pid>/{stat,status,cgroup,comm,limits}`, the cgroup files, and the
//! size of `/proc/<pid>/fd`. Only a kubeconfig or token may belong to another user than root, as under sudo, which takes
//! `CAP_DAC_READ_SEARCH`; so does counting the entries of `/proc/<pid>/fd` before Linux 6.2. Reading probes takes nothing
//! since Linux 5.19; before, `CAP_BPF` where `kernel.unprivileged_bpf_disabled` is set.

use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};

/// What is kept to read probes, tried in this order.
const FOR_PROBES: &[&[Capability]] = &[
    &[],
    &[Capability::CAP_BPF],
    &[Capability::CAP_BPF, Capability::CAP_PERFMON],
];

/// Makes effective what is permitted. The program file of the image is marked with capabilities that are permitted only
/// (`setcap cap_bpf+p`): one marked with effective ones could not be started where a part of them is withheld. Before any
/// other thread is started, as these would not get them.
pub(crate) fn take_up() {
    let taken =
        caps::read(None, CapSet::Permitted).and_then(|permitted| caps::set(None, CapSet::Effective, &permitted));
    if let Err(error) = taken {
        tracing::warn!(%error, "Capabilities that are permitted cannot be made effective.");
    }
}

/// Keeps as little as `can_read` is content with, besides `always`. Where nothing is enough, or on an error, all is kept
/// and said.
pub(crate) fn give_up(always: &[Capability], mut can_read: impl FnMut() -> bool) {
    match reduce(always, &mut can_read) {
        Ok(Some(kept)) => tracing::info!(?kept, "Capabilities were given up."),
        Ok(None) => tracing::warn!("All capabilities are kept: the probes cannot be read without them."),
        Err(error) => tracing::warn!(%error, "All capabilities are kept: they cannot be given up."),
    }
}

fn reduce(always: &[Capability], can_read: &mut impl FnMut() -> bool) -> Result<Option<Vec<Capability>>, CapsError> {
    let permitted = caps::read(None, CapSet::Permitted)?;
    let before = caps::read(None, CapSet::Effective)?;
    for needed in FOR_PROBES {
        let wanted = always.iter().chain(*needed);
        let kept: CapsHashSet = wanted.copied().filter(|one| permitted.contains(one)).collect();
        caps::set(None, CapSet::Effective, &kept)?;
        if can_read() {
            caps::set(None, CapSet::Permitted, &kept)?;
            caps::clear(None, CapSet::Inheritable)?;
            let mut kept: Vec<Capability> = kept.into_iter().collect();
            kept.sort_by_key(Capability::index);
            return Ok(Some(kept));
        }
    }
    caps::set(None, CapSet::Effective, &before)?;
    Ok(None)
}
