//! Whose sighting is this, and does anybody want it.

use correlator::{Body, Event, Fact, Outcome, Subject};
use pidmap::{Reader, Task};
use probes::{Sighting, TaskIds};

use crate::clock::Anchor;

/// Who the pid map says the task is.
pub(super) fn subject_of<'a>(pods: &'a mut Reader, task: &TaskIds) -> &'a Subject {
    pods.subject_of(&Task {
        unified: task.unified,
        memory: task.memory,
        pid: task.pid,
        started: 0,
        comm: &task.comm,
    })
}

/// The event of a sighting, or `None` when it is of no use: what goes well, comes and goes, or is counted, on the host.
pub(super) fn event_of(sighting: Sighting, subject: &Subject, anchor: &Anchor) -> Option<Event> {
    is_wanted(&sighting.body, subject).then(|| Event {
        at: anchor.wall_of(sighting.ktime_ns),
        subject: subject.clone(),
        signal: sighting.signal,
        body: sighting.body,
    })
}

fn is_wanted(body: &Body, subject: &Subject) -> bool {
    match body {
        Body::Fact(Fact::Exec(_) | Fact::Exit(_)) | Body::Gauge(_) | Body::Count(_) | Body::Histogram(_) => {
            matches!(subject, Subject::Container(_))
        }
        Body::Span { outcome, .. } if *outcome == Outcome::Ok => matches!(subject, Subject::Container(_)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use correlator::{Exit, Histogram, HostProcess, OomKill, PodIdentity};

    use super::*;

    fn container() -> Subject {
        Subject::Container(Arc::new(PodIdentity::default()))
    }

    fn host() -> Subject {
        let (pid, comm, cgroup) = (1, "systemd".into(), "/".into());
        Subject::Process(Arc::new(HostProcess { pid, comm, cgroup }))
    }

    fn connect(outcome: Outcome) -> Body {
        let took = Duration::from_millis(1);
        Body::Span {
            took,
            outcome,
            peer: None,
        }
    }

    fn exit() -> Body {
        Body::Fact(Fact::Exit(Exit {
            pid: 1,
            ns_pid: 1,
            comm: "sh".into(),
            code: 1,
            signal: 0,
            lived: Duration::ZERO,
        }))
    }

    fn oom_kill() -> Body {
        Body::Fact(Fact::OomKill(OomKill {
            pid: 1,
            ns_pid: 1,
            comm: "sh".into(),
            anon: 0,
            file: 0,
            shmem: 0,
            limit: None,
            usage: None,
            own_limit: false,
        }))
    }

    #[test]
    fn of_the_host_only_failed_connects_and_oom_kills_are_told() {
        assert!(is_wanted(&connect(Outcome::Refused), &host()));
        assert!(is_wanted(&oom_kill(), &host()));
        assert!(!is_wanted(&connect(Outcome::Ok), &host()));
        assert!(!is_wanted(&exit(), &host()));
    }

    #[test]
    fn of_a_container_everything_is_told_and_only_there_what_is_counted() {
        let counted = [Body::Count(1), Body::Gauge(1.0), Body::Histogram(Histogram::default())];
        for body in &counted {
            assert!(!is_wanted(body, &host()), "{body:?}");
        }
        let told = [connect(Outcome::Refused), connect(Outcome::Ok), oom_kill(), exit()];
        for body in told.into_iter().chain(counted) {
            assert!(is_wanted(&body, &container()), "{body:?}");
        }
    }

    #[test]
    fn an_event_has_the_wall_time_of_its_kernel_stamp() {
        let task = TaskIds {
            unified: 1,
            memory: 0,
            pid: 1,
            comm: "sh".into(),
        };
        let anchor = Anchor::take();
        let sighting = |ktime_ns| Sighting {
            ktime_ns,
            task: task.clone(),
            signal: correlator::signals::OOM_KILL,
            body: oom_kill(),
        };
        let at = |ktime_ns| event_of(sighting(ktime_ns), &host(), &anchor).unwrap().at;
        assert_eq!(at(5_000).since(at(2_000)), Duration::from_micros(3));
    }
}
