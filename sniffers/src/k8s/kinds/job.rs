//! `batch/v1` Job.

use correlator::ObjectState;
use correlator::object::{JobState, WorkloadState};
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::super::gap::Watched;
use super::super::prune::Pruner;
use super::super::wire::{Condition, resource, slim};
use super::workload::named;
use super::{Kind, count};

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Job {
    #[serde(default, deserialize_with = "slim")]
    metadata: ObjectMeta,
    spec: Option<Spec>,
    status: Option<Status>,
}

resource!(Job, "batch", "Job", "jobs", NamespaceResourceScope);

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    parallelism: Option<i64>,
    completions: Option<i64>,
    backoff_limit: Option<i64>,
    suspend: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Status {
    active: Option<i64>,
    ready: Option<i64>,
    succeeded: Option<i64>,
    failed: Option<i64>,
    conditions: Option<Vec<Condition>>,
}

impl Kind for Job {
    const WATCHED: Watched = Watched {
        group: "batch",
        plural: "jobs",
        what: "Jobs, and the CronJobs that own pods",
    };

    fn state(&self, pruner: &mut Pruner) -> ObjectState {
        let (nothing, idle) = (Spec::default(), Status::default());
        let (spec, status) = (
            self.spec.as_ref().unwrap_or(&nothing),
            self.status.as_ref().unwrap_or(&idle),
        );
        let (active, ready) = (count(status.active), count(status.ready));
        let given = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
        ObjectState::Workload(WorkloadState {
            wanted: Some(count(spec.parallelism.or(Some(1)))),
            pods: active,
            ready,
            available: ready,
            updated: active,
            paused: spec.suspend.unwrap_or(false),
            conditions: pruner.conditions(status.conditions.as_deref()),
            job: Some(JobState {
                completions: given(spec.completions),
                backoff_limit: given(spec.backoff_limit),
                succeeded: count(status.succeeded),
                failed: count(status.failed),
            }),
            ..named(&self.metadata)
        })
    }
}
