//! `v1` `ResourceQuota`.

use std::collections::BTreeMap;

use correlator::ObjectState;
use correlator::object::{QuotaState, Usage};
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::super::gap::Watched;
use super::super::prune::Pruner;
use super::super::quantity::amount;
use super::super::wire::{resource, slim};
use super::Kind;

/// Resources that one quota limits.
const RESOURCES: usize = 256;

type Quantities = BTreeMap<String, String>;

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Quota {
    #[serde(default, deserialize_with = "slim")]
    metadata: ObjectMeta,
    spec: Option<Limits>,
    status: Option<Limits>,
}

resource!(Quota, "", "ResourceQuota", "resourcequotas", NamespaceResourceScope);

#[derive(Debug, Clone, Default, Deserialize)]
struct Limits {
    hard: Option<Quantities>,
    used: Option<Quantities>,
}

impl Kind for Quota {
    const WATCHED: Watched = Watched {
        group: "",
        plural: "resourcequotas",
        what: "resource quotas",
    };

    /// A quota that its controller has not counted yet is told as unused.
    fn state(&self, pruner: &mut Pruner) -> ObjectState {
        let counted = self.status.as_ref().filter(|status| status.hard.is_some());
        let limits = counted.or(self.spec.as_ref());
        let used = counted.and_then(|status| status.used.as_ref());
        let mut state = QuotaState::default();
        for (resource, hard) in limits.and_then(|limits| limits.hard.as_ref()).into_iter().flatten() {
            let Some(hard) = amount(hard).filter(|_| state.resources.len() < RESOURCES) else {
                pruner.leave_out(1);
                continue;
            };
            let used = used.and_then(|used| amount(used.get(resource)?)).unwrap_or(0.0);
            state
                .resources
                .insert(pruner.name(Some(resource)), Usage { used, hard });
        }
        ObjectState::Quota(state)
    }
}
