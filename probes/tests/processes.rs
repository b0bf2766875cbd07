//! Real processes that start and end, seen by the kernel side.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests; the shared module serves several of them"
)]

mod live;

use std::process::{Child, Command};

use correlator::{Body, Exec, Exit, Fact};
use live::{find, load};
use probes::{Loaded, Sighting};

fn exit_of(sighting: &Sighting, pid: u32) -> Option<&Exit> {
    match &sighting.body {
        Body::Fact(Fact::Exit(exit)) if exit.pid == pid => Some(exit),
        _ => None,
    }
}

fn exec_of(sighting: &Sighting, pid: u32) -> Option<&Exec> {
    match &sighting.body {
        Body::Fact(Fact::Exec(exec)) if exec.pid == pid => Some(exec),
        _ => None,
    }
}

fn see_exit(loaded: &mut Loaded, mut child: Child) -> Exit {
    let pid = child.id();
    child.wait().unwrap();
    let sighting = find(loaded, |sighting| exit_of(sighting, pid).is_some());
    exit_of(&sighting, pid).unwrap().clone()
}

fn innermost_pid(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("NSpid:")).unwrap();
    line.split_whitespace().last().unwrap().parse().unwrap()
}

#[test]
fn a_process_that_exits_with_three_is_seen_with_its_code() {
    let Some(mut loaded) = load("exit code", &probes::process::PROBE) else {
        return;
    };
    let child = Command::new("sh").args(["-c", "sleep 0.05; exit 3"]).spawn().unwrap();
    let inner = innermost_pid(child.id());
    let exit = see_exit(&mut loaded, child);
    assert_eq!((exit.code, exit.signal, &*exit.comm, exit.ns_pid), (3, 0, "sh", inner));
    assert!((50..5_000).contains(&exit.lived.as_millis()), "{:?}", exit.lived);
}

#[test]
fn a_process_that_is_killed_is_seen_with_the_signal() {
    let Some(mut loaded) = load("kill", &probes::process::PROBE) else {
        return;
    };
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    child.kill().unwrap();
    let exit = see_exit(&mut loaded, child);
    assert_eq!((exit.code, exit.signal), (0, 9));
}

#[test]
fn an_exec_is_seen_with_its_file_and_new_name() {
    let Some(mut loaded) = load("exec", &probes::process::PROBE) else {
        return;
    };
    let mut child = Command::new("/bin/sleep").arg("0").spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    let sighting = find(&mut loaded, |sighting| exec_of(sighting, pid).is_some());
    assert_eq!(&*exec_of(&sighting, pid).unwrap().file, "/bin/sleep");
    assert_eq!(&*sighting.task.comm, "sleep");
}

#[test]
fn a_thread_that_ends_is_no_exit_of_its_process() {
    let Some(mut loaded) = load("thread", &probes::process::PROBE) else {
        return;
    };
    std::thread::spawn(|| ()).join().unwrap();
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    let seen = live::wait_for(&mut loaded, |sighting| exit_of(sighting, pid).is_some());
    assert!(
        !seen
            .iter()
            .any(|sighting| exit_of(sighting, std::process::id()).is_some())
    );
}

#[test]
fn a_process_with_threads_exits_once_with_the_code_of_the_whole() {
    if std::env::var_os("TAPIO_TEST_EXITS").is_some() {
        for _ in 0..8 {
            std::thread::spawn(std::thread::park);
        }
        std::process::exit(7);
    }
    let Some(mut loaded) = load("threads", &probes::process::PROBE) else {
        return;
    };
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args([
        "--exact",
        "a_process_with_threads_exits_once_with_the_code_of_the_whole",
    ]);
    let mut child = again.env("TAPIO_TEST_EXITS", "1").spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    let mut last = Command::new("true").spawn().unwrap();
    let last_pid = last.id();
    last.wait().unwrap();

    let seen = live::wait_for(&mut loaded, |sighting| exit_of(sighting, last_pid).is_some());
    let codes: Vec<_> = seen
        .iter()
        .filter_map(|sighting| exit_of(sighting, pid))
        .map(|exit| exit.code)
        .collect();
    assert_eq!(codes, [7]);
}
