//! `v1` `PersistentVolumeClaim`.

use correlator::ObjectState;
use correlator::object::ClaimState;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::super::gap::Watched;
use super::super::prune::Pruner;
use super::super::quantity::whole;
use super::super::text::timestamp;
use super::super::wire::{Condition, resource, slim};
use super::Kind;

/// More access modes than there are.
const MODES: usize = 8;

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Claim {
    #[serde(default, deserialize_with = "slim")]
    metadata: ObjectMeta,
    spec: Option<Spec>,
    status: Option<Status>,
}

resource!(
    Claim,
    "",
    "PersistentVolumeClaim",
    "persistentvolumeclaims",
    NamespaceResourceScope
);

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    storage_class_name: Option<String>,
    volume_name: Option<String>,
    access_modes: Option<Vec<String>>,
    resources: Option<Resources>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Resources {
    requests: Option<Requests>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Requests {
    storage: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Status {
    phase: Option<String>,
    conditions: Option<Vec<Condition>>,
}

impl Kind for Claim {
    const WATCHED: Watched = Watched {
        group: "",
        plural: "persistentvolumeclaims",
        what: "volume claims",
    };

    fn state(&self, pruner: &mut Pruner) -> ObjectState {
        let (nothing, unknown) = (Spec::default(), Status::default());
        let (spec, status) = (
            self.spec.as_ref().unwrap_or(&nothing),
            self.status.as_ref().unwrap_or(&unknown),
        );
        let class = spec.storage_class_name.as_deref();
        let requests = spec.resources.as_ref().and_then(|wanted| wanted.requests.as_ref());
        let modes = pruner.first(spec.access_modes.as_deref(), MODES);
        ObjectState::Claim(ClaimState {
            phase: pruner.name(status.phase.as_deref()),
            // An empty class is not the default one: it asks for a volume that has none.
            class: class.map(|class| pruner.name(Some(class))),
            volume: pruner.named(spec.volume_name.as_deref()),
            requested: requests.and_then(|requests| whole(requests.storage.as_deref()?)),
            access_modes: modes.iter().map(|mode| pruner.name(Some(mode))).collect(),
            conditions: pruner.conditions(status.conditions.as_deref()),
            created: timestamp(self.metadata.creation_timestamp.as_ref()),
        })
    }
}
