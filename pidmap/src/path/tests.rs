//! The corpus of cgroup paths, and what no path may do.

use std::collections::BTreeSet;

use super::*;

pub(super) const ID: &str = "3f5d1b1a0c9e4f7786d2a1b0c3e4f5a697887766554433221100ffeeddccbbaa";
pub(super) const SLICE_UID: &str = "0c2d5f0e_8a77_4a3b_9c55_1f2e3d4c5b6a";

const CORPUS: &str = include_str!("../../corpus/paths.txt");

/// The paths of the corpus and what it says of them.
fn corpus() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = CORPUS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(" -> ").expect("a line is `<path> -> <owner>`"))
}

/// An owner in the words of the corpus.
fn said(owner: &CgroupOwner<'_>) -> String {
    match owner {
        CgroupOwner::Container {
            pod_uid,
            container_id,
            runtime,
            qos,
        } => {
            let uid = pod_uid.as_deref().unwrap_or("-");
            let runtime = match runtime {
                None => "-",
                Some(Runtime::Containerd) => "containerd",
                Some(Runtime::CriO) => "cri-o",
                Some(Runtime::Docker) => "docker",
                Some(Runtime::Podman) => "podman",
            };
            format!("container {uid} {} {runtime} {container_id}", class(*qos))
        }
        CgroupOwner::Pod { uid, qos } => format!("pod {uid} {}", class(*qos)),
        CgroupOwner::Host(_) => "host".to_owned(),
    }
}

fn class(qos: Option<Qos>) -> &'static str {
    match qos {
        None => "-",
        Some(Qos::Guaranteed) => "guaranteed",
        Some(Qos::Burstable) => "burstable",
        Some(Qos::BestEffort) => "besteffort",
    }
}

#[test]
fn every_path_of_the_corpus_belongs_to_whom_it_says() {
    let wrong: Vec<String> = corpus()
        .filter(|(path, owner)| said(&parse(path)) != *owner)
        .map(|(path, owner)| format!("{path}\n  is {}\n  not {owner}", said(&parse(path))))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_corpus_has_each_runtime_in_each_class() {
    let seen: BTreeSet<(&str, &str)> = corpus()
        .filter_map(|(_, owner)| {
            let mut words = owner.split(' ');
            let is_in_pod = words.next() == Some("container") && words.next() != Some("-");
            is_in_pod.then(|| (words.next().unwrap_or_default(), words.next().unwrap_or_default()))
        })
        .collect();
    for class in ["guaranteed", "burstable", "besteffort"] {
        for runtime in ["-", "containerd", "cri-o", "docker", "podman"] {
            assert!(seen.contains(&(class, runtime)), "{class} below {runtime}");
        }
    }
}

#[test]
fn no_path_stands_in_the_corpus_twice() {
    let mut seen = BTreeSet::new();
    for (path, _) in corpus() {
        assert!(seen.insert(path), "{path}");
    }
}

#[test]
fn what_is_the_hosts_keeps_its_whole_path() {
    for path in ["", "/", "/system.slice/sshd.service", "/kubepods/burstable/", "//a"] {
        assert_eq!(parse(path), CgroupOwner::Host(path));
    }
}
