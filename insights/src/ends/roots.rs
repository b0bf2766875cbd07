//! Whom an end is about, and what may be at its root.

use correlator::{ContainerView, Culprit, REACH, Window};

use super::{Cause, End, What};
use crate::{limits, suspects};

/// Whom it is about and what may be at its root. What another insight about the same pod explains is not about the pod.
pub(crate) fn roots(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    cause: &Cause,
    last: Option<&End<'_>>,
) -> (Vec<Culprit>, Vec<Culprit>) {
    let pod = &container.identity;
    let is_old = last.is_some_and(|end| window.now().since(end.at) >= REACH);
    let lead = match cause {
        Cause::Oom { .. } | Cause::Probe { .. } | Cause::Stopped { .. } => return (Vec::new(), suspects::pod(pod)),
        // The Events and kernel facts that told more of it are forgotten.
        Cause::Killed { .. } | Cause::Signal { signal: 15 } if is_old => return (Vec::new(), suspects::pod(pod)),
        Cause::Error { .. } | Cause::Signal { .. } if last.is_some_and(|end| !limits::before(end).is_empty()) => {
            return (Vec::new(), suspects::pod(pod));
        }
        Cause::Dependency { lead, .. } => match &lead.what {
            What::Connect { peer, .. } => suspects::peer(window.world(), peer, lead.at),
            What::Lookup {
                name,
                rcode: Some(rcode),
                ..
            } if &**rcode == "NXDOMAIN" => {
                vec![Culprit::Name(name.clone())]
            }
            What::Lookup { .. } => vec![Culprit::Dns],
        },
        Cause::Foreign | Cause::Killed { .. } | Cause::Unknown { .. } => suspects::node(pod).into_iter().collect(),
        Cause::Command(_) | Cause::Finishes | Cause::Signal { .. } | Cause::Error { .. } => Vec::new(),
    };
    let template = [suspects::owner(pod), suspects::image(container)];
    (
        suspects::pod(pod),
        lead.into_iter().chain(template.into_iter().flatten()).collect(),
    )
}
