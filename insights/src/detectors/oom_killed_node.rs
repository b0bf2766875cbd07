//! # A node ran out of memory and the kernel killed a process of this container
//!
//! **Why it matters.** The container kept to its own limit, or has none: raising it does not help. Others on the node use more
//! than they requested, and the next victim may be anyone.
//!
//! **How it is seen.** The kernel's `oom/mark_victim` tracepoint says that no cgroup was at its limit, or that the one that was
//! holds all pods of the node (`kubepods`, from 90 % of the node's allocatable memory on). Who uses most beyond their requests is
//! read from the cgroup files of the pods on that node at that time.
//!
//! **Thresholds.** None: one kill is enough. Critical; repeated kills update the same insight.
//!
//! **What to do.** Give the largest consumer a memory request that matches what it uses, so that the scheduler places it where
//! there is room, or move it. A limit keeps it from doing this to others again.

use std::time::Duration;

use correlator::{ContainerView, Insight, Severity, Source, Verdict, Window};

use crate::memory_kills::{self, Class, Kill, Whose};
use crate::phrase::bytes;
use crate::rule::Rule;
use crate::{consumers, nodes, remedies, suspects};

/// Consumers that are named.
const NAMED: usize = 3;

pub(crate) const RULE: Rule = Rule {
    needs: &["ebpf/memory", "cgroup", "k8s/pods", "k8s/nodes"],
    hold: Duration::from_secs(300),
    ..Rule::new("oom-killed-node", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let kills = memory_kills::of(window, container, Class::Node);
    let last = kills.kernel.last()?;
    let subject = container.subject();
    let node = container.identity.node.as_deref();
    let title = format!(
        "{subject} was OOM-killed because {} ran out of memory",
        node.unwrap_or("its node")
    );
    let mut insight = Insight::new(
        "oom-killed-node",
        subject,
        Severity::Critical,
        title,
        cause(container, last),
    );
    container.key().clone_into(&mut insight.what);
    insight.revision = kills.number as u64;
    insight.about = suspects::pod(&container.identity);
    insight.suspects = suspects::node(&container.identity).into_iter().collect();
    insight = memory_kills::evidence(insight, &kills, container);
    insight.remedies.push(remedies::look(
        &container.identity,
        "the log of the run may show what it was doing",
    ));
    let Some(node) = node else { return Some(insight) };
    insight.remedies.extend(nodes::look_at(
        node,
        "which pods are on the node and what they requested",
    ));
    let consumers = consumers::on_node(window, node);
    if let Some(worst) = consumers.first() {
        insight.cause = format!("{}; on {node}, {}", insight.cause, worst.says());
    }
    for consumer in consumers.iter().take(NAMED) {
        insight = insight.because(window.now(), Source::Cgroup, format!("on {node}, {}", consumer.says()));
    }
    let over = consumers
        .iter()
        .filter(|consumer| consumer.over() > 0.0)
        .find_map(|one| remedies::request_for(window, one));
    insight.remedies.extend(over);
    Some(insight)
}

fn cause(container: &ContainerView<'_>, kill: &Kill<'_>) -> String {
    let victim = memory_kills::victim(kill);
    let limit = container.state.and_then(|state| state.memory_limit);
    let own = match limit {
        Some(limit) => format!("its own limit of {} was not reached", bytes(limit as f64)),
        None => "it has no limit of its own".to_owned(),
    };
    match (kill.whose, kill.victim.limit) {
        (Whose::AllPods, Some(all)) => format!(
            "the node ran out of the {} that it gives all its pods together, and the kernel chose {victim}; {own}",
            bytes(all as f64)
        ),
        _ => format!("the node ran out of memory, no cgroup was at its limit, and the kernel chose {victim}; {own}"),
    }
}
