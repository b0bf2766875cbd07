//! # The same trouble in many places at once
//!
//! **Why it matters.** Twenty pods that fail in one way have one cause, and it is none of those pods. Twenty messages hide it.
//!
//! **How it is seen.** Open insights of one kind that suspect the same thing: a node, a zone, a workload, a Service, an image, a
//! name; or, where they have nothing in common that tapio knows of, their number alone. They are counted with this insight and
//! not said on their own any more.
//!
//! **Thresholds.** More than ten pods and more than a fifth of all; of nodes more than two and more than a fifth. Critical.
//!
//! **What to do.** Look at what they have in common first.

use std::collections::{BTreeMap, BTreeSet};

use correlator::{Culprit, Insight, ObjectRef, Scope, Severity, Source, Subject, Tunable, Verdict, Window, World};

use crate::nodes;
use crate::phrase::count;
use crate::rule::Rule;
use crate::workloads;

const PODS: Tunable = Tunable {
    detector: "cluster-wide",
    name: "leastPods",
    default: 11.0,
    bounds: [2.0, 1e6],
    meaning: "pods with one trouble that are enough",
};
const NODES: Tunable = Tunable {
    detector: "cluster-wide",
    name: "leastNodes",
    default: 3.0,
    bounds: [2.0, 1e5],
    meaning: "nodes with one trouble that are enough",
};
const SHARE: Tunable = Tunable {
    detector: "cluster-wide",
    name: "affectedRatio",
    default: 0.2,
    bounds: [0.01, 1.0],
    meaning: "part of all pods, or nodes, of which more have to have the trouble",
};
/// Those that are told of.
const NAMED: usize = 5;

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/pods", "k8s/nodes"],
    tunables: &[PODS, NODES, SHARE],
    ..Rule::new("cluster-wide", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    if *window.scope() != Scope::Cluster {
        return Verdict::Quiet;
    }
    let mut told: Vec<Wave<'_>> = Vec::new();
    for wave in waves(window, RULE.id) {
        let is_told = |larger: &Wave<'_>| larger.id == wave.id && wave.victims.is_subset(&larger.victims);
        if !told.iter().any(is_told) {
            told.push(wave);
        }
    }
    Verdict::of(told.iter().map(|wave| insight(window, wave)).collect())
}

/// Insights of one kind with one suspect.
struct Wave<'a> {
    id: &'static str,
    suspect: &'a Culprit,
    /// Pods or nodes.
    victims: BTreeSet<String>,
    total: usize,
    noun: &'static str,
    cause: &'a str,
}

/// The largest first; of equals, one with a suspect that says more before the kind alone.
fn waves<'a>(window: &Window<'a>, own: &str) -> Vec<Wave<'a>> {
    let (pods, machines) = (window.world().pod_count(), window.world().nodes().count());
    let mut waves: BTreeMap<(&'static str, &Culprit, bool), Wave<'a>> = BTreeMap::new();
    for insight in window
        .open()
        .filter(|insight| insight.id != own && insight.severity > Severity::Info)
    {
        let (victim, of_nodes) = match &insight.subject {
            Subject::Container(pod) | Subject::Pod(pod) => (pod.pod_label(), false),
            Subject::Node(name) => (name.to_string(), true),
            _ => continue,
        };
        for suspect in &insight.suspects {
            let wave = waves.entry((insight.id, suspect, of_nodes)).or_insert_with(|| Wave {
                id: insight.id,
                suspect,
                victims: BTreeSet::new(),
                total: if of_nodes { machines } else { pods },
                noun: if of_nodes { "node" } else { "pod" },
                cause: &insight.cause,
            });
            wave.victims.insert(victim.clone());
        }
    }
    let is_wave = |wave: &Wave<'_>| {
        let least = if wave.noun == "node" { &NODES } else { &PODS };
        let victims = wave.victims.len() as f64;
        victims >= window.tuned(least) && victims > window.tuned(&SHARE) * wave.total as f64
    };
    let mut waves: Vec<Wave<'a>> = waves.into_values().filter(is_wave).collect();
    waves.sort_by_key(|wave| std::cmp::Reverse(wave.victims.len()));
    waves
}

fn insight(window: &Window<'_>, wave: &Wave<'_>) -> Insight {
    let number = count(wave.victims.len(), wave.noun);
    let common = common(wave.suspect);
    let title = format!(
        "{number} of {}: {}{}",
        wave.total,
        wave.id,
        common
            .as_ref()
            .map(|common| format!(", all with {common}"))
            .unwrap_or_default()
    );
    let cause = match &common {
        Some(common) => format!("they have {common} in common; for one of them: {}", wave.cause),
        None => format!("what they have in common is not known; for one of them: {}", wave.cause),
    };
    let mut insight = Insight::new("cluster-wide", Subject::Cluster, Severity::Critical, title, cause);
    insight.what = format!("{} {}", wave.id, common.unwrap_or_default());
    insight.about = vec![wave.suspect.clone()];
    insight.revision = wave.victims.len() as u64;
    let named: Vec<&str> = wave.victims.iter().take(NAMED).map(String::as_str).collect();
    let says = format!("{} in {number}, among them {}", wave.id, named.join(", "));
    insight = insight.because(window.now(), Source::Tapio, says);
    insight.remedies.extend(look_at(window.world(), wave.suspect));
    insight
}

/// How people call what a wave has in common.
fn common(suspect: &Culprit) -> Option<String> {
    Some(match suspect {
        Culprit::Node(name) => format!("node {name}"),
        Culprit::Zone(name) => format!("zone {name}"),
        Culprit::Dns => "the cluster's DNS".to_owned(),
        Culprit::Object(object) => object.to_string(),
        Culprit::Image(image) => format!("image {image}"),
        Culprit::Name(name) => format!("the name {name}"),
        Culprit::Pod(_) => "one pod they depend on".to_owned(),
        Culprit::Kind(_) => return None,
    })
}

fn look_at(world: &World, suspect: &Culprit) -> Option<correlator::Remedy> {
    let why = "it is what they have in common";
    match suspect {
        Culprit::Node(name) => nodes::look_at(name, why),
        Culprit::Object(object) => workloads::look_at(object, why, None),
        Culprit::Dns => {
            let dns = ObjectRef {
                kind: "Service".into(),
                namespace: "kube-system".into(),
                name: "kube-dns".into(),
            };
            world.object(&dns).and_then(|_| workloads::look_at(&dns, why, None))
        }
        _ => None,
    }
}
