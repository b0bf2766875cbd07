//! # A pod was put off its node
//!
//! **Why it matters.** The pod is gone from there whatever its own state was; what it kept in memory or in `emptyDir` is lost, and
//! when nothing makes room the next one follows. The pod object may vanish at once, and the reason with it.
//!
//! **How it is seen.** The API server: phase `Failed` with reason `Evicted`, or the condition `DisruptionTarget`, also when that is
//! all that is left. The kubelet's message names the resource, the threshold, and what the container used against its request;
//! who on the node used most beyond its requests is read from the cgroup files at that time.
//!
//! **Told apart.** Node pressure and the pod's own local storage limit (kubelet), preemption (scheduler, or the kubelet for a
//! critical pod), a `NoExecute` taint, the eviction API (drain, autoscaler), the node's shutdown, a node that is gone.
//!
//! **Thresholds.** One eviction of the last ten minutes. Warning; for a drain, a shutdown or a node that is gone info, since others
//! tell of that.
//!
//! **What to do.** For node pressure: requests that match what is used. For preemption: a priority class, or room. For the pod's
//! own limit: use less local storage, or raise it.

use correlator::{ContainerView, Fact, Insight, Pod, Severity, Source, TERMINATION_REACH, Timestamp, Verdict, Window};

use crate::disruption::{self, Disruption};
use crate::eviction::{self, Account};
use crate::phrase::escape;
use crate::rule::Rule;
use crate::{consumers, ends, nodes, remedies, suspects};

/// Consumers that are named.
const NAMED: usize = 3;
/// The most that is shown of a message, characters.
const SHOWN: usize = 300;

pub(crate) const RULE: Rule = Rule {
    needs: &["k8s/pods", "k8s/events", "k8s/nodes", "cgroup"],
    ..Rule::new("evicted", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    let found = window
        .pod()
        .and_then(|pod| insight(window, pod, disruption::of(&pod.state)?));
    Verdict::of(found.into_iter().collect())
}

fn insight(window: &Window<'_>, pod: &Pod, by: Disruption) -> Option<Insight> {
    let at = when(window, pod).filter(|at| window.now().since(*at) < TERMINATION_REACH)?;
    let node = pod.identity.node.as_deref();
    let message = message(pod);
    let account = eviction::account(message);
    let severity = match by {
        Disruption::Api | Disruption::Shutdown | Disruption::NodeGone => Severity::Info,
        _ => Severity::Warning,
    };
    let from = node.unwrap_or("its node");
    let title = format!("{} was put off {from}: {}", window.subject(), headline(by, &account));
    let cause = cause(by, &account);
    let mut insight = Insight::new("evicted", window.subject(), severity, title, cause);
    insight.about = suspects::pod(&pod.identity);
    insight.suspects = suspects(pod, by, &account);
    // Once more when its containers have ended, since how they did belongs to it.
    insight.revision = if last_end(window).is_some() { 2 } else { 1 };
    let told = if message.is_empty() {
        String::new()
    } else {
        format!(": {}", escape(message, SHOWN))
    };
    insight = insight.because(at, Source::Kubernetes, format!("{}{told}", reason(pod)));
    insight = with_ends(window, insight);
    Some(with_node(window, insight, pod, by, &account))
}

/// When it happened; `None` when nothing tells, such as of an evicted pod that was there before tapio.
fn when(window: &Window<'_>, pod: &Pod) -> Option<Timestamp> {
    let condition = disruption::condition(&pod.state).and_then(|condition| condition.since);
    let said = || {
        window.own().facts().rev().find_map(|(at, fact)| match fact {
            Fact::Event(event)
                if !event.history && matches!(&*event.reason, "Evicted" | "Preempted" | "Preempting") =>
            {
                Some(*at)
            }
            _ => None,
        })
    };
    condition.or_else(said).or_else(|| last_end(window))
}

fn last_end(window: &Window<'_>) -> Option<Timestamp> {
    let ends = window
        .containers()
        .iter()
        .flat_map(|one| ends::of(window.now(), one, TERMINATION_REACH));
    ends.map(|end| end.at).max()
}

fn message(pod: &Pod) -> &str {
    let condition = disruption::condition(&pod.state).map_or("", |condition| &*condition.message);
    if pod.state.message.is_empty() {
        condition
    } else {
        &pod.state.message
    }
}

fn reason(pod: &Pod) -> &str {
    let condition = disruption::condition(&pod.state).map_or("", |condition| &*condition.reason);
    if pod.state.reason.is_empty() {
        condition
    } else {
        &pod.state.reason
    }
}

fn headline(by: Disruption, account: &Account<'_>) -> String {
    match (by, account) {
        (Disruption::Pressure, Account::Node { resource, .. }) => format!("the node ran low on {resource}"),
        (Disruption::Pressure, Account::Own { .. }) => "it used more ephemeral (local) storage than it may".to_owned(),
        (Disruption::Pressure, Account::Condition { .. }) => "the node was under pressure and took no pods".to_owned(),
        (Disruption::Pressure, Account::Unknown) => "the kubelet evicted it".to_owned(),
        (Disruption::Shutdown, _) => "the node shuts down".to_owned(),
        (Disruption::Admission, _) => "a critical pod took its place".to_owned(),
        (Disruption::Preemption, _) => "a pod of higher priority took its place".to_owned(),
        (Disruption::Taint, _) => "the node got a NoExecute taint that it does not tolerate".to_owned(),
        (Disruption::Api, _) => "somebody asked for its eviction (drain, autoscaler)".to_owned(),
        (Disruption::NodeGone, _) => "the node is gone".to_owned(),
    }
}

fn cause(by: Disruption, account: &Account<'_>) -> String {
    match account.explain().filter(|_| by == Disruption::Pressure) {
        Some(account) => account,
        None => format!("it was put off its node by {}", by.by()),
    }
}

fn suspects(pod: &Pod, by: Disruption, account: &Account<'_>) -> Vec<correlator::Culprit> {
    let own = matches!(account, Account::Own { .. });
    let owner = suspects::owner(&pod.identity).filter(|_| own);
    let of_node = !own && by != Disruption::Preemption;
    owner
        .into_iter()
        .chain(suspects::node(&pod.identity).filter(|_| of_node))
        .collect()
}

/// How its containers ended: by themselves, or by force when their grace period was over.
fn with_ends(window: &Window<'_>, mut insight: Insight) -> Insight {
    let last = |one: &ContainerView<'_>| {
        let ends = ends::of(window.now(), one, TERMINATION_REACH);
        let end = ends.last()?;
        let why = ends::explain(window, one, &ends::cause(window, one, Some(end)), Some(end));
        let source = if end.exit.is_some() {
            Source::Kernel
        } else {
            Source::Kubernetes
        };
        Some((
            end.at,
            source,
            format!("container {} ended with {}: {why}", one.key(), end.code),
        ))
    };
    for (at, source, says) in window.containers().iter().filter_map(last) {
        insight = insight.because(at, source, says);
    }
    insight
}

/// Who used the node's memory, and what helps.
fn with_node(window: &Window<'_>, mut insight: Insight, pod: &Pod, by: Disruption, account: &Account<'_>) -> Insight {
    insight.remedies.push(remedies::look(
        &pod.identity,
        "the pod's own account, while the API server still has it",
    ));
    let is_nodes = by == Disruption::Pressure && !matches!(account, Account::Own { .. });
    let Some(node) = pod.identity.node.as_deref().filter(|_| is_nodes) else {
        return insight;
    };
    insight
        .remedies
        .extend(nodes::look_at(node, "which resource is short and who uses it"));
    if matches!(account, Account::Node { resource: "memory", .. }) {
        let all = consumers::on_node(window, node);
        for consumer in all.iter().take(NAMED) {
            insight = insight.because(window.now(), Source::Cgroup, format!("on {node}, {}", consumer.says()));
        }
        let over = all
            .iter()
            .filter(|consumer| consumer.over() > 0.0)
            .find_map(|one| remedies::request_for(window, one));
        insight.remedies.extend(over);
    }
    insight
}
