//! A reader says what the map says, also after the map learnt more.

use super::*;
use crate::Reader;

fn task(unified: u64, pid: u32) -> Task<'static> {
    Task {
        unified,
        memory: 0,
        pid,
        started: 0,
        comm: "app",
    }
}

#[test]
fn a_reader_follows_what_the_map_learns_and_forgets() {
    let host = Host::v2();
    let id = host.make(&cgroupfs(UID, ID));
    let mut reader = Reader::new(Arc::clone(&host.map));
    assert_eq!(
        reader.subject_of(&task(id, 0)).to_string(),
        format!("pod {UID}/{}", &ID[..12])
    );
    host.map.learn_pod(names(UID, ID));
    for _ in 0..3 {
        assert_eq!(reader.subject_of(&task(id, 0)).to_string(), "shop/cart-0/cart");
    }
    fs::remove_dir_all(host.path("kubepods")).unwrap();
    for seconds in [10, 311] {
        assert!(
            host.map
                .containers_at(host.start + Duration::from_secs(seconds))
                .is_empty()
        );
    }
    assert_eq!(cgroup(reader.subject_of(&task(id, 0))), "");
}

#[test]
fn a_reader_tells_host_processes_apart() {
    let host = Host::v2();
    let id = host.make("system.slice/sshd.service");
    let mut reader = Reader::new(Arc::clone(&host.map));
    for pid in [1, 2] {
        let Subject::Process(process) = reader.subject_of(&task(id, pid)) else {
            panic!("no host process")
        };
        assert_eq!(process.pid, pid);
    }
}

#[test]
fn what_a_reader_answers_is_counted_once() {
    let host = Host::v2();
    let id = host.make(&cgroupfs(UID, ID));
    let mut reader = Reader::new(Arc::clone(&host.map));
    for _ in 0..100 {
        reader.subject_of(&task(id, 0));
    }
    drop(reader);
    let stats = host.map.stats();
    assert_eq!(stats.hits + stats.misses, 100);
}

#[test]
fn more_containers_than_a_reader_remembers_are_still_told_apart() {
    let host = Host::v2();
    let mut ids = Vec::new();
    for number in 0..1000_u64 {
        let path = format!("/{}", cgroupfs(UID, &format!("{number:064x}")));
        let key = CgroupKey {
            hierarchy: Hierarchy::Unified,
            id: 1_000_000 + number,
        };
        host.map.index.insert(key, Arc::new(host.map.occupant(&path)));
        ids.push(key.id);
    }
    let mut reader = Reader::bounded(Arc::clone(&host.map), 100);
    for (number, &id) in ids.iter().enumerate().chain(ids.iter().enumerate()) {
        assert_eq!(container(reader.subject_of(&task(id, 0))).1, format!("{number:064x}"));
    }
}
