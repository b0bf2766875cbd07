//! Object metadata without what is large and unused: managed fields, most annotations.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::core::ObjectMeta;
use serde::{Deserialize, Deserializer};

/// The annotations by which the kubelet ties a mirror pod to the static pod that runs.
pub(in super::super) const CONFIG_HASH: &str = "kubernetes.io/config.hash";
/// See [`CONFIG_HASH`].
pub(in super::super) const CONFIG_MIRROR: &str = "kubernetes.io/config.mirror";
/// The revision of a Deployment that a `ReplicaSet` stands for, and on the Deployment its current one.
pub(in super::super) const REVISION: &str = "deployment.kubernetes.io/revision";
/// Revisions that a `ReplicaSet` stood for before; there since it was rolled back to.
pub(in super::super) const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Slim {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    owner_references: Option<Vec<OwnerReference>>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<Kept>,
}

#[derive(Deserialize)]
struct Kept {
    #[serde(rename = "kubernetes.io/config.hash")]
    hash: Option<String>,
    #[serde(rename = "kubernetes.io/config.mirror")]
    mirror: Option<String>,
    #[serde(rename = "deployment.kubernetes.io/revision")]
    revision: Option<String>,
    #[serde(rename = "deployment.kubernetes.io/revision-history")]
    history: Option<String>,
}

/// Decodes `metadata`, leaving out what tapio does not read.
pub(in super::super) fn slim<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let slim = Slim::deserialize(deserializer)?;
    let annotations = slim.annotations.map(|kept| {
        let pairs = [
            (CONFIG_HASH, kept.hash),
            (CONFIG_MIRROR, kept.mirror),
            (REVISION, kept.revision),
            (REVISION_HISTORY, kept.history),
        ];
        let set = pairs
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)));
        set.collect::<BTreeMap<_, _>>()
    });
    Ok(ObjectMeta {
        name: slim.name,
        namespace: slim.namespace,
        uid: slim.uid,
        resource_version: slim.resource_version,
        generation: slim.generation,
        creation_timestamp: slim.creation_timestamp,
        deletion_timestamp: slim.deletion_timestamp,
        owner_references: slim.owner_references,
        labels: slim.labels,
        annotations: annotations.filter(|kept| !kept.is_empty()),
        ..ObjectMeta::default()
    })
}
