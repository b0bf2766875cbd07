//! `apps/v1` `ReplicaSet`: only who owns it.

use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::{metadata, resource};

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct ReplicaSet {
    #[serde(default, deserialize_with = "metadata::slim")]
    pub(in super::super) metadata: ObjectMeta,
}

resource!(ReplicaSet, "apps", "ReplicaSet", "replicasets", NamespaceResourceScope);
