//! Records that have only a pid: exits, pids used again, zombies.

use super::*;

/// Asks for a record without cgroup ids, `seconds` after the start.
fn ask(host: &Host, seconds: u64, pid: u32, started: u64) -> Subject {
    let task = Task {
        unified: 0,
        memory: 0,
        pid,
        started,
        comm: "app",
    };
    host.map.subject_at(&task, host.start + Duration::from_secs(seconds))
}

/// A host with one container, and the lines of a process in it.
fn with_container() -> (Host, String) {
    let host = Host::with(&["memory", "unified"]);
    for tree in ["memory", "unified"] {
        host.make(&format!("{tree}/{}", cgroupfs(UID, ID)));
    }
    let path = cgroupfs(UID, ID);
    (host, format!("4:memory:/{path}\n0::/{path}\n"))
}

#[test]
fn a_process_that_was_seen_is_known_for_five_minutes_after_its_exit() {
    let (host, lines) = with_container();
    host.started_process(42, &lines, 'S', 700);
    assert_eq!(container(&ask(&host, 0, 42, 0)), (UID, ID));
    host.end(42);
    for started in [0, 700] {
        assert_eq!(container(&ask(&host, 299, 42, started)), (UID, ID));
        assert_eq!(cgroup(&ask(&host, 300, 42, started)), "");
    }
    assert_eq!(host.map.stats().unresolved, 2);
}

#[test]
fn a_pid_used_again_is_the_process_that_started_when_the_record_says() {
    let (host, lines) = with_container();
    host.make("memory/system.slice/sshd.service");
    host.started_process(42, &lines, 'S', 700);
    ask(&host, 0, 42, 0);
    host.end(42);
    host.started_process(42, "4:memory:/system.slice/sshd.service\n0::/\n", 'S', 800);
    assert_eq!(container(&ask(&host, 1, 42, 700)), (UID, ID));
    assert_eq!(cgroup(&ask(&host, 1, 42, 800)), "/system.slice/sshd.service");
    assert_eq!(cgroup(&ask(&host, 1, 42, 0)), "/system.slice/sshd.service");
    assert_eq!(cgroup(&ask(&host, 1, 42, 700)), "", "its successor has its place");
    assert_eq!(cgroup(&ask(&host, 1, 42, 900)), "");
}

#[test]
fn a_process_that_ended_before_it_was_seen_names_nobody() {
    let (host, _) = with_container();
    assert_eq!(cgroup(&ask(&host, 0, 42, 700)), "");
    assert_eq!(cgroup(&ask(&host, 0, 0, 0)), "");
    assert_eq!(host.map.stats().unresolved, 2);
}

#[test]
fn a_zombie_is_where_it_was_when_it_lived() {
    let (host, lines) = with_container();
    host.started_process(42, &lines, 'S', 700);
    ask(&host, 0, 42, 0);
    host.started_process(42, "4:memory:/\n0::/\n", 'Z', 700);
    assert_eq!(container(&ask(&host, 1, 42, 0)), (UID, ID));
}

#[test]
fn a_process_that_moved_into_a_container_is_its() {
    let (host, lines) = with_container();
    host.make("memory/system.slice/containerd.service");
    host.started_process(42, "4:memory:/system.slice/containerd.service\n0::/\n", 'S', 700);
    assert_eq!(cgroup(&ask(&host, 0, 42, 700)), "/system.slice/containerd.service");
    host.started_process(42, &lines, 'S', 700);
    assert_eq!(container(&ask(&host, 0, 42, 700)), (UID, ID));
}

#[test]
fn where_no_tree_can_be_read_a_live_process_is_still_found() {
    let host = Host::with(&[]);
    host.started_process(42, &format!("0::/{}\n", cgroupfs(UID, ID)), 'S', 700);
    assert_eq!(container(&ask(&host, 0, 42, 700)), (UID, ID));
    assert_eq!(host.map.stats().pids, 0);
}
