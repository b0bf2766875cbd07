//! The forecast on real processes: a leak is announced before the kernel kills it, with an interval that holds the kill; a
//! saw-tooth and a reader of files beside it, under the same limit, are not.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod node;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use node::{Node, be_workload, missing};
use serde_json::Value;

const LIMIT: u64 = 64 << 20;
const UIDS: [&str; 3] = [
    "5f2b1c7e-0d3a-4b8e-9c41-aa10ffee0011",
    "5f2b1c7e-0d3a-4b8e-9c41-aa10ffee0012",
    "5f2b1c7e-0d3a-4b8e-9c41-aa10ffee0013",
];

#[test]
#[ignore = "not a test: what this binary does when it is run as a container"]
fn workload() {
    be_workload();
}

#[test]
fn a_leak_is_announced_before_the_kernel_kills_it_and_its_neighbours_are_not() {
    if let Some(reason) = missing() {
        return fixtures::skipped("live_forecast", &reason);
    }
    let mut node = Node::new("forecast");
    let workloads = ["leak 1 3000", "saw 3 1000", "read 120"];
    let containers: Vec<_> = UIDS
        .iter()
        .zip(workloads)
        .map(|(uid, workload)| node.start(uid, LIMIT, "10.244.1.11", workload))
        .collect();
    let mut tapio = Command::new(env!("CARGO_BIN_EXE_tapio"))
        .args(["sniff", "--ebpf-only", "--profile", "minimal", "-o", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(tapio.stdout.take().unwrap()).lines();
    let said = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());

    let (_, killed) = node.wait(&containers[0]);
    std::thread::sleep(Duration::from_secs(2));
    let pid = nix::unistd::Pid::from_raw(i32::try_from(tapio.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert!(tapio.wait().unwrap().success());
    assert!(node.was_oom_killed(&containers[0]), "the kernel kills the leak");

    let said: Vec<Value> = said
        .join()
        .unwrap()
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let announced = |container: &str| {
        let mut trends = said.iter().filter(|insight| insight["id"] == "oom-trend");
        trends.find(|insight| insight["subject"]["container_id"] == container)
    };
    let leak = announced(&containers[0].id).unwrap_or_else(|| panic!("nothing was announced: {said:#?}"));
    let at: jiff::Timestamp = leak["at"].as_str().unwrap().parse().unwrap();
    let left = (i128::from(killed.as_nanos()) - at.as_nanosecond()) as f64 / 1e9;
    let interval: Vec<f64> = leak["prediction"]["time_to_event_seconds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|time| time.as_f64().unwrap())
        .collect();
    let lived = killed.since(containers[0].started).as_secs_f64();
    eprintln!(
        "announced {left:.1} s before the kill after {lived:.0} s, for {interval:?} s: {}",
        leak["title"]
    );
    assert!(left > 1.0, "announced {left} s before the kill");
    // Four of five kills fall into the interval; a factor of two more is not sane any more.
    assert!(
        interval[0] / 2.0 <= left && left <= interval[2] * 2.0,
        "{left} s, said {interval:?}"
    );
    for neighbour in &containers[1..] {
        assert_eq!(announced(&neighbour.id), None, "a neighbour was announced");
    }
}
