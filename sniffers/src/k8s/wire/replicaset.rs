//! `apps/v1` `ReplicaSet`: who owns it, and the template that its revision of a Deployment stands for.

use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::template::Template;
use super::{metadata, resource};

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct ReplicaSet {
    #[serde(default, deserialize_with = "metadata::slim")]
    pub(in super::super) metadata: ObjectMeta,
    pub(in super::super) spec: Option<ReplicaSetSpec>,
}

resource!(ReplicaSet, "apps", "ReplicaSet", "replicasets", NamespaceResourceScope);

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct ReplicaSetSpec {
    pub(in super::super) template: Option<Template>,
}
