//! Pods that no node takes: the reasons, the figures of the nodes, and the smallest change that would fit.

use correlator::{Culprit, Severity};

use crate::stage::{commands, only, opened, play};

/// Three nodes: one tainted, one cordoned, one nearly full.
const NODES: &str = "
         node n1 memory 8Gi cpu 4
         node n2 memory 8Gi cpu 4 taint dedicated=gpu:NoSchedule
         node n3 memory 8Gi cpu 4 cordoned
         pod shop/big-1 on n1 cpu-request 3700m request 1Gi";

fn unscheduled(message: &str) -> String {
    format!(
        "{NODES}
         at 1s pod shop/web-1 pending of Deployment/web container app cpu-request 500m request 256Mi
         shop/web-1 condition PodScheduled False Unschedulable \"{message}\""
    )
}

#[test]
fn the_node_that_lacks_the_least_and_how_much_is_named() {
    let message = "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {dedicated: gpu}, 1 node(s) were unschedulable. preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.";
    let said = play(&format!("{}\n         wait 2m", unscheduled(message)));
    assert_eq!(opened(&said), ["unschedulable shop/web-1"]);
    let insight = only(&said, "unschedulable");
    assert_eq!(
        insight.title,
        "shop/web-1 has no node: too little cpu on 1 node, the taint dedicated=gpu is not tolerated on 1 node, cordoned on 1 node"
    );
    assert_eq!(
        insight.cause,
        "it asks for 500m CPU and 256 MiB memory; it would fit on n1 if it asked for 200m CPU less, or if that much were freed there"
    );
    let says: Vec<&str> = insight.evidence.iter().map(|evidence| &*evidence.says).collect();
    assert!(
        says.contains(&"n1: 300m CPU and 7 GiB memory left of 4000m CPU and 8 GiB memory"),
        "{says:?}"
    );
    assert!(
        says.contains(&"n3: 4000m CPU and 8 GiB memory left of 4000m CPU and 8 GiB memory, cordoned"),
        "{says:?}"
    );
    let commands = commands(insight);
    assert!(
        commands.contains(&"kubectl set resources deployment/web -n shop -c app --requests=cpu=300m"),
        "{commands:?}"
    );
    assert!(commands.contains(&"kubectl uncordon n3"), "{commands:?}");
}

#[test]
fn a_pod_larger_than_every_node_fits_nowhere() {
    let said = play(
        "
         node n1 memory 8Gi cpu 4
         at 1s pod shop/web-1 pending of Deployment/web container app cpu-request 6
         shop/web-1 condition PodScheduled False Unschedulable \"0/1 nodes are available: 1 Insufficient cpu.\"
         wait 2m",
    );
    let insight = only(&said, "unschedulable");
    assert_eq!(
        insight.cause,
        "it asks for 6000m CPU, and no node is that large even when it is empty"
    );
    assert!(commands(insight).contains(&"kubectl set resources deployment/web -n shop -c app --requests=cpu=4000m"));
}

#[test]
fn a_claim_that_is_not_bound_explains_the_pod_that_waits_for_it() {
    let story = "
         node n1
         CLAIM
         at 1s pod shop/web-1 pending claims data
         shop/web-1 condition PodScheduled False Unschedulable \"0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.\"
         wait 2m";
    let told = play(&story.replace("CLAIM", "pvc shop/data Pending class fast asks 10Gi"));
    assert_eq!(opened(&told), ["pvc-pending persistentvolumeclaim shop/data"]);
    let said = play(&story.replace("CLAIM", "node n2"));
    let insight = only(&said, "unschedulable");
    assert!(
        insight.title.ends_with("a volume claim of it is not bound"),
        "{}",
        insight.title
    );
    assert!(
        matches!(&insight.suspects[0], Culprit::Object(claim) if &*claim.name == "data"),
        "{:?}",
        insight.suspects
    );
}

#[test]
fn waiting_long_for_a_node_is_critical_and_said_once_more() {
    let said = play(&format!(
        "{}\n         wait 6m",
        unscheduled("0/3 nodes are available: 3 Insufficient cpu.")
    ));
    let severities: Vec<Severity> = said
        .iter()
        .filter(|insight| insight.id == "unschedulable")
        .map(|insight| insight.severity)
        .collect();
    assert_eq!(severities, [Severity::Warning, Severity::Critical]);
}

#[test]
fn scheduling_gates_hold_a_pod_back_on_purpose() {
    let gated = unscheduled("Scheduling is blocked due to non-empty scheduling gates")
        .replace("Unschedulable", "SchedulingGated");
    assert_eq!(
        opened(&play(&format!("{gated}\n         wait 8m"))),
        Vec::<String>::new()
    );
}
