//! `batch/v1` `CronJob`.

use correlator::ObjectState;
use correlator::object::WorkloadState;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::super::gap::Watched;
use super::super::prune::Pruner;
use super::super::text::timestamp;
use super::super::wire::{resource, slim};
use super::Kind;
use super::workload::named;

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct CronJob {
    #[serde(default, deserialize_with = "slim")]
    metadata: ObjectMeta,
    spec: Option<Spec>,
    status: Option<Status>,
}

resource!(CronJob, "batch", "CronJob", "cronjobs", NamespaceResourceScope);

#[derive(Debug, Clone, Default, Deserialize)]
struct Spec {
    schedule: Option<String>,
    suspend: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    last_schedule_time: Option<Time>,
}

impl Kind for CronJob {
    const WATCHED: Watched = Watched {
        group: "batch",
        plural: "cronjobs",
        what: "schedules of CronJobs",
    };

    fn state(&self, pruner: &mut Pruner) -> ObjectState {
        let spec = self.spec.as_ref();
        let status = self.status.as_ref();
        ObjectState::Workload(WorkloadState {
            paused: spec.and_then(|spec| spec.suspend).unwrap_or(false),
            schedule: pruner.named(spec.and_then(|spec| spec.schedule.as_deref())),
            last_scheduled: status.and_then(|status| timestamp(status.last_schedule_time.as_ref())),
            ..named(&self.metadata)
        })
    }
}
