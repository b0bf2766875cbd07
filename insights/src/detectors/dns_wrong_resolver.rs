//! # A container asks a DNS server that does not know the cluster for names of the cluster
//!
//! **Why it matters.** Names of Services exist only in the cluster's own DNS server. A pod with `dnsPolicy: Default`, or one in
//! the node's network without `ClusterFirstWithHostNet`, asks the node's server and never finds them.
//!
//! **How it is seen.** Queries for names of existing Services that were answered NXDOMAIN by a server that is neither the
//! cluster's DNS Service nor a pod, the cache of the node (169.254.20.10) or something in the pod itself.
//!
//! **Thresholds.** Two such lookups within five minutes, the last within one minute. Warning.
//!
//! **What to do.** Set the pod's dnsPolicy: `ClusterFirst`, or `ClusterFirstWithHostNet` with `hostNetwork`.

use std::time::Duration;

use correlator::{
    ContainerView, DnsAnswer, Insight, ObjectRef, Remedy, Risk, Severity, Source, Tunable, Verdict, Window,
};

use crate::dns;
use crate::kubectl::{on_object, on_pod};
use crate::lookups::{self, Domains, Lookup};
use crate::names::{self, Meaning};
use crate::phrase::{count, escape};
use crate::rule::Rule;

const LEAST: Tunable = Tunable {
    detector: "dns-wrong-resolver",
    name: "leastLookups",
    default: 2.0,
    bounds: [1.0, 100.0],
    meaning: "lookups of the cluster's names at a server that does not know them within five minutes that are enough",
};
const FRESH: Duration = Duration::from_secs(60);
/// Characters of a name that are shown.
const NAME: usize = 120;

pub(crate) const RULE: Rule = Rule {
    needs: &["ebpf/dns", "k8s/pods", "k8s/services"],
    hold: Duration::from_secs(300),
    tunables: &[LEAST],
    ..Rule::new("dns-wrong-resolver", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Option<Insight> {
    let (now, world) = (window.now(), window.world());
    let (cluster_dns, _) = dns::service(world)?;
    let asks_elsewhere = |(at, answer): (_, &DnsAnswer)| dns::is_of_cluster(world, &answer.resolver, at) == Some(false);
    if !lookups::answers(container).any(asks_elsewhere) {
        return None;
    }
    let domains = Domains::of(container);
    let lookups = lookups::of(container, &domains);
    let is_astray = |lookup: &&Lookup| dns::is_of_cluster(world, &lookup.resolver, lookup.last) == Some(false);
    let namespace = container.identity.namespace.as_deref().unwrap_or("default");
    let mut astray: Vec<(&Lookup, &ObjectRef)> = Vec::new();
    for lookup in lookups::missing(&lookups, now).filter(is_astray) {
        if let Meaning::Exists(service) = names::meaning(world, &lookup.name, namespace, &domains) {
            astray.push((lookup, service));
        }
    }
    let (last, service) = *astray.last()?;
    (astray.len() as f64 >= window.tuned(&LEAST) && now.since(last.last) < FRESH)
        .then(|| insight(window, container, &astray, last, service, cluster_dns))
}

fn insight(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    astray: &[(&Lookup, &ObjectRef)],
    last: &Lookup,
    service: &ObjectRef,
    cluster_dns: &ObjectRef,
) -> Insight {
    let (subject, server) = (container.subject(), &last.resolver);
    let shares = window.pod().is_some_and(|pod| pod.state.host_network);
    let title = format!("{subject} asks {} for names of the cluster", server.address);
    let why = if shares {
        "the pod shares the node's network, and without dnsPolicy ClusterFirstWithHostNet it uses the node's DNS server"
    } else {
        "its dnsPolicy is Default or None, or its resolv.conf was replaced"
    };
    let cause = format!("{server} is not the cluster's DNS server ({cluster_dns}) and knows no Services; {why}");
    let mut insight = Insight::new("dns-wrong-resolver", subject, Severity::Warning, title, cause);
    container.key().clone_into(&mut insight.what);
    insight.revision = astray.len() as u64;
    let first = astray.first().map_or(last.first, |(lookup, _)| lookup.first);
    let says = format!(
        "{} of names of Services answered NXDOMAIN by {server}, the last for {} at {}",
        count(astray.len(), "lookup"),
        escape(&last.name, NAME),
        last.last
    );
    insight = insight.because(first, Source::Kernel, says);
    insight = insight.because(window.now(), Source::Kubernetes, format!("{service} exists"));
    insight.remedies.push(look(container));
    insight.remedies.extend(change(
        container,
        if shares {
            "ClusterFirstWithHostNet"
        } else {
            "ClusterFirst"
        },
    ));
    insight
}

fn look(container: &ContainerView<'_>) -> Remedy {
    let path = "jsonpath={.spec.dnsPolicy}{\"\\n\"}{.spec.dnsConfig}{\"\\n\"}";
    let command = on_pod(&["get", "pod"], &container.identity).map(|command| command.flag("--output").arg(path));
    Remedy::look(
        "Read the pod's dnsPolicy".to_owned(),
        "it decides which DNS server a pod asks".to_owned(),
        command.iter().map(ToString::to_string).collect(),
        "it says ClusterFirst, or ClusterFirstWithHostNet in the node's network".to_owned(),
    )
}

/// Sets the policy in the template of what made the pod. Pods themselves cannot be changed so.
fn change(container: &ContainerView<'_>, policy: &str) -> Option<Remedy> {
    let owner = dns::rolled_out(&container.identity)?;
    let patch = format!(r#"--patch={{"spec":{{"template":{{"spec":{{"dnsPolicy":"{policy}"}}}}}}}}"#);
    let command = on_object(&["patch"], &owner)?.arg(patch);
    Some(Remedy {
        title: format!("Set dnsPolicy {policy} in {owner}"),
        why: "its pods then ask the cluster's DNS server, which passes other names on".to_owned(),
        risk: Risk::Low,
        impact: format!("{owner} replaces its pods one by one"),
        needs: Some("that nobody set another policy on purpose; read it first".to_owned()),
        commands: vec![command.to_string()],
        undo: on_object(&["rollout", "undo"], &owner).map(|command| command.to_string()),
        verify: "the new pods find the names of Services".to_owned(),
    })
}
