//! Adds up the memory of processes: first by cgroup, then by container.

use std::collections::BTreeMap;
use std::sync::Arc;

use correlator::{Body, Event, PodIdentity, Subject, Timestamp, signals};
use pidmap::Reader;
use probes::{Sighting, TaskIds};

use super::attribute::subject_of;

/// One sample of all processes. Each cgroup is asked for once, however many processes it has.
#[derive(Debug, Default)]
pub(super) struct Sample {
    cgroups: BTreeMap<(u64, u64, u32), Share>,
    /// When the walk began, nanoseconds of `CLOCK_MONOTONIC`.
    pub(super) ktime_ns: Option<u64>,
}

#[derive(Debug)]
struct Share {
    bytes: f64,
    one: TaskIds,
}

impl Sample {
    /// Adds one process.
    pub(super) fn add(&mut self, sighting: Sighting) {
        let Body::Gauge(bytes) = sighting.body else { return };
        self.ktime_ns.get_or_insert(sighting.ktime_ns);
        let task = sighting.task;
        // In the root of both hierarchies a cgroup says nothing; each process then stands for itself.
        let pid = if task.unified <= 1 && task.memory <= 1 {
            task.pid
        } else {
            0
        };
        let fresh = Share { bytes: 0.0, one: task };
        let key = (fresh.one.unified, fresh.one.memory, pid);
        self.cgroups.entry(key).or_insert(fresh).bytes += bytes;
    }

    /// A gauge for each container, in the order of their identities.
    pub(super) fn events(&self, pods: &mut Reader, at: Timestamp) -> Vec<Event> {
        let shares = self.cgroups.values();
        let of_containers = shares.filter_map(|share| match subject_of(pods, &share.one) {
            Subject::Container(container) => Some((Arc::clone(container), share.bytes)),
            _ => None,
        });
        sum(of_containers)
            .into_iter()
            .map(|(container, bytes)| gauge(container, bytes, at))
            .collect()
    }
}

fn sum(shares: impl Iterator<Item = (Arc<PodIdentity>, f64)>) -> BTreeMap<Arc<PodIdentity>, f64> {
    let mut totals = BTreeMap::new();
    for (container, bytes) in shares {
        *totals.entry(container).or_insert(0.0) += bytes;
    }
    totals
}

fn gauge(container: Arc<PodIdentity>, bytes: f64, at: Timestamp) -> Event {
    Event {
        at,
        subject: Subject::Container(container),
        signal: signals::MEMORY_RSS,
        body: Body::Gauge(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(unified: u64, memory: u64, pid: u32, bytes: f64) -> Sighting {
        Sighting {
            ktime_ns: u64::from(pid),
            task: TaskIds {
                unified,
                memory,
                pid,
                comm: "worker".into(),
            },
            signal: signals::MEMORY_RSS,
            body: Body::Gauge(bytes),
        }
    }

    fn shares(processes: impl IntoIterator<Item = Sighting>) -> Vec<f64> {
        let mut sample = Sample::default();
        processes.into_iter().for_each(|process| sample.add(process));
        sample.cgroups.values().map(|share| share.bytes).collect()
    }

    #[test]
    fn processes_of_one_cgroup_are_added_up() {
        assert_eq!(
            shares([process(5, 0, 1, 1.0), process(5, 0, 2, 2.0), process(6, 0, 3, 4.0)]),
            [3.0, 4.0]
        );
    }

    #[test]
    fn on_a_hybrid_host_the_memory_cgroup_tells_containers_apart() {
        assert_eq!(shares([process(1, 7, 1, 1.0), process(1, 8, 2, 2.0)]), [1.0, 2.0]);
    }

    #[test]
    fn processes_in_the_root_are_not_lumped_together() {
        assert_eq!(shares([process(1, 1, 1, 1.0), process(1, 1, 2, 2.0)]), [1.0, 2.0]);
    }

    #[test]
    fn the_cgroups_of_one_container_are_added_up() {
        let id = |uid: &str| {
            Arc::new(PodIdentity {
                uid: uid.into(),
                ..Default::default()
            })
        };
        let totals = sum([(id("a"), 1.0), (id("b"), 2.0), (id("a"), 4.0)].into_iter());
        assert_eq!(totals.into_values().collect::<Vec<_>>(), [5.0, 2.0]);
    }

    #[test]
    fn a_sample_is_of_the_moment_its_walk_began() {
        let mut sample = Sample::default();
        sample.add(process(5, 0, 30, 1.0));
        sample.add(process(5, 0, 40, 1.0));
        assert_eq!(sample.ktime_ns, Some(30));
    }
}
