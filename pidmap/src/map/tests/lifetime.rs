//! What time does to the map: late names, exits, unknown ids, floods, threads.

use super::*;

#[test]
fn names_that_come_late_reach_a_container_found_before() {
    let host = Host::v2();
    let id = host.make(&cgroupfs(UID, ID));
    assert_eq!(host.at(0, id, 0, 0).to_string(), format!("pod {UID}/{}", &ID[..12]));
    host.map.learn_pod(names(UID, "not yet in the status"));
    assert_eq!(host.at(0, id, 0, 0).to_string(), format!("shop/cart-0/{}", &ID[..12]));
    host.map.learn_pod(names(UID, ID));
    assert_eq!(host.at(0, id, 0, 0).to_string(), "shop/cart-0/cart");
    assert_eq!(
        &*host.map.containers_at(host.start)[0].identity.pod.clone().unwrap(),
        "cart-0"
    );
}

#[test]
fn names_that_come_early_are_waiting_for_the_container() {
    let host = Host::v2();
    host.map.learn_pod(names(UID, ID));
    let id = host.make(&cgroupfs(UID, ID));
    assert_eq!(host.at(0, id, 0, 0).to_string(), "shop/cart-0/cart");
}

#[test]
fn a_static_pod_takes_the_uid_of_its_mirror() {
    let host = Host::v2();
    let hash = "8a2c3d4e5f60718293a4b5c6d7e8f901";
    let id = host.make(&cgroupfs(hash, ID));
    assert_eq!(container(&host.at(0, id, 0, 0)), (hash, ID));
    let mut mirror = names(UID, ID);
    mirror.uids.push(hash.to_owned());
    host.map.learn_pod(mirror);
    assert_eq!(container(&host.at(0, id, 0, 0)), (UID, ID));
}

#[test]
fn an_exited_container_is_known_for_five_minutes() {
    let host = Host::v2();
    let id = host.make(&cgroupfs(UID, ID));
    assert_eq!(container(&host.at(0, id, 0, 0)), (UID, ID));
    fs::remove_dir_all(host.path("kubepods")).unwrap();
    assert!(host.map.containers_at(host.start + Duration::from_secs(10)).is_empty());
    assert!(host.map.containers_at(host.start + Duration::from_secs(309)).is_empty());
    assert_eq!(container(&host.at(309, id, 0, 0)), (UID, ID));
    assert!(host.map.containers_at(host.start + Duration::from_secs(311)).is_empty());
    assert_eq!(cgroup(&host.at(311, id, 0, 0)), "");
    assert_eq!(host.map.register.len(), 0);
}

#[test]
fn a_pod_made_anew_under_another_uid_is_another_pod_even_if_the_id_is_reused() {
    let host = Host::v2();
    host.map.learn_pod(names(UID, ID));
    let old = host.make(&cgroupfs(UID, ID));
    assert_eq!(container(&host.at(0, old, 0, 0)), (UID, ID));
    fs::remove_dir_all(host.path("kubepods")).unwrap();
    let new = host.make(&cgroupfs(OTHER_UID, OTHER_ID));
    let containers = host.map.containers_at(host.start + Duration::from_secs(1));
    assert_eq!(containers.len(), 1);
    let subject = host.at(1, new, 0, 0);
    assert_eq!(container(&subject), (OTHER_UID, OTHER_ID));
    assert_eq!(subject.to_string(), format!("pod {OTHER_UID}/{}", &OTHER_ID[..12]));
    if new != old {
        assert_eq!(container(&host.at(1, old, 0, 0)), (UID, ID));
    }
}

#[test]
fn unknown_ids_cause_one_walk_in_a_hundred_milliseconds_and_none_once_remembered() {
    let host = Host::v2();
    for offset in 0..1000 {
        assert_eq!(cgroup(&host.at(0, NOWHERE - offset, 0, 0)), "");
    }
    assert_eq!(host.map.stats().rescans, 1);
    assert_eq!(host.map.stats().misses, 1000);
    host.at(60, NOWHERE, 0, 0);
    assert_eq!(host.map.stats().rescans, 1);
    assert_eq!(host.map.stats().hits, 1);
    host.at(60, NOWHERE - 1, 0, 0);
    assert_eq!(host.map.stats().rescans, 2);
}

#[test]
fn a_cgroup_that_turns_up_replaces_the_memory_of_an_unknown_id() {
    let host = Host::with(&["memory", "unified"]);
    let id = host.make(&cgroupfs(UID, ID));
    assert_eq!(cgroup(&host.at(0, id, 1, 0)), "/");
    fs::create_dir_all(host.path("unified/kubepods/burstable").join(format!("pod{UID}"))).unwrap();
    fs::rename(
        host.path(&cgroupfs(UID, ID)),
        host.path(&format!("unified/{}", cgroupfs(UID, ID))),
    )
    .unwrap();
    assert_eq!(host.map.containers_at(host.start + Duration::from_mins(1)).len(), 1);
    assert_eq!(container(&host.at(60, id, 1, 0)), (UID, ID));
}

#[test]
fn a_flood_of_cgroups_stays_within_the_budget() {
    let host = Host::v2();
    let map = PidMap::new(host.map.roots.clone(), 200 << 10);
    for offset in 0..4_000 {
        let task = Task {
            unified: NOWHERE - offset,
            memory: 0,
            pid: 0,
            started: 0,
            comm: "x",
        };
        map.subject_at(&task, host.start + Duration::from_secs(offset));
    }
    map.index.settle();
    assert!(map.stats().entries <= 200, "{:?}", map.stats());
    assert!(map.stats().entries > 100, "{:?}", map.stats());
}

#[test]
fn threads_can_ask_learn_and_walk_at_once() {
    let host = Host::v2();
    let ids: Vec<u64> = (0..8)
        .map(|n| host.make(&cgroupfs(UID, &format!("{}{n}", &ID[1..]))))
        .collect();
    std::thread::scope(|scope| {
        for (n, &id) in ids.iter().enumerate() {
            let host = &host;
            scope.spawn(move || {
                for round in 0..200 {
                    let subject = host.at(round, id, 0, 0);
                    assert_eq!(container(&subject), (UID, format!("{}{n}", &ID[1..]).as_str()));
                    host.map.learn_pod(names(UID, &format!("{round}")));
                    host.map.containers_at(host.start + Duration::from_secs(round));
                }
            });
        }
    });
}
