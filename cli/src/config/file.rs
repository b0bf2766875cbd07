//! What the configuration file may say. Every key has a default; a key that is not known is an error.
//!
//! The comments on the fields are the text of `docs/configuration.md` and of the JSON schema.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::buckets::Buckets;
use super::insights::Insights;
use super::measure::{Size, Time};
use super::scalar;
use super::selector::Selector;
use super::sinks::Sinks;
use super::thresholds::Chosen;
use crate::args::Profile;
use crate::metrics::registry;

/// The configuration of `tapio sniff` and `tapio agent`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Config {
    /// Which probes are loaded.
    pub(crate) profile: Profile,
    /// With the profile `custom`: probes by name. Those that are `true` are loaded, or all when none is, less those that are
    /// `false`.
    #[serde(deserialize_with = "scalar::probes")]
    #[schemars(schema_with = "scalar::probes_schema")]
    pub(crate) probes: BTreeMap<String, bool>,
    /// Size of each probe's ring buffer, a power of two from 64KiB to 1GiB; without it, each probe's own.
    #[serde(deserialize_with = "scalar::ring_size")]
    pub(crate) ring_size: Option<String>,
    /// How often things are looked at.
    pub(crate) intervals: Intervals,
    /// What insights are said of and which series are exported.
    pub(crate) filters: Filters,
    /// From which severity on insights are said, by id: `info`, `warning` or `critical`, or `never`; all where nothing is chosen.
    pub(crate) insights: Insights,
    /// Numbers that detectors judge by.
    pub(crate) thresholds: Chosen,
    /// The kubelet of this node.
    pub(crate) node: Node,
    /// How much there may be.
    pub(crate) limits: Limits,
    /// Upper bounds of histograms' buckets.
    pub(crate) buckets: Buckets,
    /// Metrics and health over HTTP.
    pub(crate) http: Http,
    /// Where insights and metrics are sent to.
    pub(crate) sinks: Sinks,
    /// Where it is kept how far OOM forecasts came true.
    pub(crate) calibration: Option<PathBuf>,
}

/// How often things are looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Intervals {
    /// Between two readings of the containers' cgroup files, from 100ms to 5s. Above 1s `memory-thrashing` says nothing.
    pub(crate) cgroup: Time<100, 5_000>,
    /// Between two samples of the resident memory of processes (probe `memory_sample`), from 10ms to 10s.
    pub(crate) memory_sample: Time<10, 10_000>,
    /// Between two readings of the node's memory, from 100ms to 10s.
    pub(crate) node: Time<100, 10_000>,
    /// Between two readings of the node's disk, its connection tracking, volumes and open files, from 1s to 20s.
    pub(crate) disk: Time<1_000, 20_000>,
}

impl Default for Intervals {
    fn default() -> Self {
        Self {
            cgroup: Time::seconds(1),
            memory_sample: Time(sniffers::ebpf::SAMPLE_EVERY),
            node: Time(sniffers::node::MEMORY_EVERY),
            disk: Time(sniffers::node::REST_EVERY),
        }
    }
}

/// What insights are said of and which series are exported. Nodes and the cluster concern everybody and are never left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Filters {
    /// Only these namespaces; all when there are none.
    pub(crate) namespaces: Vec<String>,
    /// None of these namespaces.
    pub(crate) excluded_namespaces: Vec<String>,
    /// Only pods with these labels, as in a Service or `NetworkPolicy`.
    pub(crate) label_selector: Selector,
}

/// The kubelet of this node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Node {
    /// Where it keeps its files (`--root-dir`).
    pub(crate) kubelet_root: PathBuf,
    /// When it evicts pods (`evictionHard`).
    pub(crate) eviction: Eviction,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            kubelet_root: "/var/lib/kubelet".into(),
            eviction: Eviction::default(),
        }
    }
}

/// When the kubelet evicts pods (`evictionHard`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Eviction {
    /// `memory.available`: bytes, or a number with KiB, MiB or GiB.
    pub(crate) memory: Size<0, { 1 << 50 }>,
    /// `nodefs.available`: percent of the file system.
    #[serde(deserialize_with = "scalar::percent")]
    #[schemars(range(max = 100))]
    pub(crate) disk_percent: u8,
    /// `nodefs.inodesFree`: percent of its inodes.
    #[serde(deserialize_with = "scalar::percent")]
    #[schemars(range(max = 100))]
    pub(crate) inodes_percent: u8,
}

impl Default for Eviction {
    fn default() -> Self {
        let kubelet = sniffers::node::Eviction::default();
        Self {
            memory: Size(usize::try_from(kubelet.memory).unwrap_or(usize::MAX)),
            disk_percent: kubelet.disk_percent,
            inodes_percent: kubelet.inodes_percent,
        }
    }
}

/// How much there may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Limits {
    /// Events moved into the correlator at once.
    #[serde(deserialize_with = "scalar::within::<_, 1, 100_000>")]
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) batch_size: usize,
    /// Series of one metric; the rest is counted under `~other`.
    #[serde(deserialize_with = "scalar::within::<_, 100, 1_000_000>")]
    #[schemars(range(min = 100, max = 1_000_000))]
    pub(crate) series_per_metric: usize,
    /// Series of one pod; the rest is counted under `~other`.
    #[serde(deserialize_with = "scalar::within::<_, 10, 100_000>")]
    #[schemars(range(min = 10, max = 100_000))]
    pub(crate) series_per_pod: usize,
    /// The series of a container of which nothing was heard for so long leave, from 1m to 24h.
    pub(crate) series_idle: Time<60_000, 86_400_000>,
}

impl Default for Limits {
    fn default() -> Self {
        let series = registry::Limits::default();
        Self {
            batch_size: 100,
            series_per_metric: series.of_metric,
            series_per_pod: series.of_pod,
            series_idle: Time(series.idle),
        }
    }
}

/// Metrics and health over HTTP.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Http {
    /// Address and port, such as 127.0.0.1:9464, or :9464 for all addresses. Without it `tapio agent` listens on :9464 and
    /// `tapio sniff` not at all.
    #[serde(deserialize_with = "scalar::listen")]
    pub(crate) listen: Option<String>,
}
