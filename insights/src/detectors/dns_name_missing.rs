//! # A container asks for a name that does not exist
//!
//! **Why it matters.** A misspelt Service, one of another namespace, or one that was never deployed: the application cannot
//! reach it, and often exits or waits for ever.
//!
//! **How it is seen.** The answers to the container's queries for addresses. The resolver of a pod tries a name with each
//! search domain in turn, so most answers say that a name does not exist (NXDOMAIN) and mean nothing. What counts is the name
//! the application gave: when none of its candidates was found, neither by A nor by AAAA. The Services that the API server told
//! of say what was probably meant.
//!
//! **Thresholds.** Three lookups of one name within five minutes that found nothing, the last within one minute, and none since
//! that did; of all runs of the container together. Lookups that got no answer, or an error, do not count. Reversed addresses
//! (block lists of mail servers) are left out: there, not to exist is the good answer. Warning. No share of such answers is too
//! many, as searches make any share usual; where it has risen against what was learned of this container over days (a binomial
//! CUSUM, S > ln(8,640 / 0.1) = 11.4), that is told as evidence.
//!
//! **What to do.** Correct the name in the container's settings, or deploy the Service.

use std::collections::BTreeMap;
use std::time::Duration;

use correlator::rate::FALSE_ALARMS_A_DAY;
use correlator::{
    ContainerView, Culprit, Insight, ObjectRef, ObjectState, RateKind, Remedy, Severity, Source, Timestamp, Tunable,
    Verdict, Window, World,
};

use crate::destination;
use crate::dns;
use crate::kubectl::{Kubectl, on_object};
use crate::lookups::{self, Domains, Lookup};
use crate::names::{self, Meaning};
use crate::phrase::{count, escape};
use crate::risen;
use crate::rule::Rule;

const LEAST: Tunable = Tunable {
    detector: "dns-name-missing",
    name: "leastLookups",
    default: 3.0,
    bounds: [1.0, 100.0],
    meaning: "lookups of one name within five minutes that found nothing and are enough",
};
const FRESH: Duration = Duration::from_secs(60);
/// Characters of a name that are shown.
const NAME: usize = 120;

pub(crate) const RULE: Rule = Rule {
    needs: &["ebpf/dns", "k8s/pods", "k8s/services", "k8s/endpointslices"],
    hold: Duration::from_secs(90),
    tunables: &[LEAST],
    ..Rule::new("dns-name-missing", detect)
};

fn detect(window: &Window<'_>) -> Verdict {
    Verdict::each(window, in_container)
}

fn in_container(window: &Window<'_>, container: &ContainerView<'_>) -> Vec<Insight> {
    let domains = Domains::of(container);
    let lookups = lookups::of(container, &domains);
    let mut by_name: BTreeMap<&str, Vec<&Lookup>> = BTreeMap::new();
    for lookup in lookups::missing(&lookups, window.now()) {
        by_name.entry(&lookup.name).or_default().push(lookup);
    }
    let is_found = |(name, missing): &(&str, Vec<&Lookup>)| {
        let last = missing.iter().map(|lookup| lookup.last).max().unwrap_or_default();
        let since = lookups
            .iter()
            .any(|other| other.name == *name && other.is_found() && other.first > last);
        missing.len() as f64 >= window.tuned(&LEAST)
            && window.now().since(last) < FRESH
            && !since
            && !is_reversed_address(name)
    };
    let is_the_servers_fault = |missing: &[&Lookup]| {
        let asked = |lookup: &&Lookup| dns::is_of_cluster(window.world(), &lookup.resolver, lookup.last);
        missing.iter().all(|lookup| asked(lookup) == Some(false))
    };
    let mut found = Vec::new();
    for (name, missing) in by_name.into_iter().filter(is_found) {
        let meaning = names::meaning(window.world(), name, namespace(container), &domains);
        let is_inside = meaning != Meaning::Outside;
        // A server that does not know the cluster says so of all its names: `dns-wrong-resolver`.
        if !(is_inside && is_the_servers_fault(&missing)) {
            found.push(insight(window, container, name, &meaning, &missing));
        }
    }
    found
}

fn namespace<'a>(container: &'a ContainerView<'_>) -> &'a str {
    container.identity.namespace.as_deref().unwrap_or("default")
}

/// `2.0.0.127.zen.example`: four numbers in front.
fn is_reversed_address(name: &str) -> bool {
    name.split('.').take_while(|label| label.parse::<u8>().is_ok()).count() >= 4
}

fn insight(
    window: &Window<'_>,
    container: &ContainerView<'_>,
    name: &str,
    meaning: &Meaning<'_>,
    missing: &[&Lookup],
) -> Insight {
    let (subject, shown) = (container.subject(), escape(name, NAME));
    let title = format!("{subject} asks for {shown}, which does not exist");
    let mut insight = Insight::new(
        "dns-name-missing",
        subject,
        Severity::Warning,
        title,
        cause(window, meaning),
    );
    insight.what = format!("{} {name}", container.key());
    insight.revision = missing.len() as u64;
    insight.about = vec![Culprit::Name(name.into())];
    if let Meaning::Exists(service) = meaning {
        insight.suspects = vec![Culprit::Object((*service).clone())];
    }
    let first = missing.first().map_or(Timestamp::default(), |lookup| lookup.first);
    if let Some(last) = missing.last() {
        let tried: Vec<String> = last.missing.iter().map(|candidate| escape(candidate, NAME)).collect();
        let says = format!(
            "{} found nothing, the last at {}; {} answered NXDOMAIN for {}",
            count(missing.len(), "lookup"),
            last.last,
            last.resolver,
            tried.join(", ")
        );
        insight = insight.because(first, Source::Kernel, says);
    }
    let rate = container
        .rates
        .and_then(|rates| rates.of(RateKind::DnsMissing, window.now()));
    if let Some(rate) = rate.filter(|rate| rate.is_risen(FALSE_ALARMS_A_DAY)) {
        insight = insight.because(
            rate.since,
            Source::Kernel,
            format!("NXDOMAIN in {}", risen::says(&rate, "answers")),
        );
    }
    if let Some(says) = stated(meaning) {
        insight = insight.because(window.now(), Source::Kubernetes, says);
    }
    insight.remedies.extend(look(container, meaning));
    insight
}

/// The name that a Service of type `ExternalName` stands for.
fn external_name(world: &World, service: &ObjectRef) -> Option<String> {
    match world.object(service)? {
        ObjectState::Service(service) => service.external_name.as_deref().map(|name| escape(name, 253)),
        _ => None,
    }
}

fn cause(window: &Window<'_>, meaning: &Meaning<'_>) -> String {
    match meaning {
        Meaning::Exists(service) if external_name(window.world(), service).is_some() => {
            let target = external_name(window.world(), service).unwrap_or_default();
            format!("{service} stands for the name {target} (ExternalName), which does not exist")
        }
        Meaning::Exists(service) if destination::ready(window.world(), service).next().is_none() => {
            format!(
                "{service} is there but has no ready endpoint; a headless Service has no address until one is ready"
            )
        }
        Meaning::Exists(service) => format!("{service} is there; the DNS server does not know it, or not yet"),
        Meaning::OtherNamespace(service) => format!(
            "there is no such Service in the namespace that was asked for; {} is in {}, its name from elsewhere is {}",
            service.name,
            service.namespace,
            full(service)
        ),
        Meaning::Misspelt(service) => {
            format!(
                "no Service has that name; the nearest one there is {} ({})",
                service.name,
                full(service)
            )
        }
        Meaning::NoService(namespace, name) => {
            let (namespace, name) = (escape(namespace, NAME), escape(name, NAME));
            format!("there is no Service {name} in the namespace {namespace}, and none with a similar name")
        }
        Meaning::Outside if !window.world().knows_kubernetes() => {
            "the server that was asked says so; which Services there are is not known".to_owned()
        }
        Meaning::Outside => {
            "it is not a name of the cluster, and the servers outside say that it does not exist".to_owned()
        }
    }
}

/// What the API server has to do with it.
fn stated(meaning: &Meaning<'_>) -> Option<String> {
    match meaning {
        Meaning::Exists(service) | Meaning::OtherNamespace(service) | Meaning::Misspelt(service) => {
            Some(format!("{service} exists"))
        }
        Meaning::NoService(..) | Meaning::Outside => None,
    }
}

fn full(service: &ObjectRef) -> String {
    format!("{}.{}", service.name, service.namespace)
}

/// Read-only: where the name comes from, and what there is. `None` when there is nothing to look at.
fn look(container: &ContainerView<'_>, meaning: &Meaning<'_>) -> Option<Remedy> {
    let pod = &container.identity;
    let owner = pod
        .owner
        .as_ref()
        .zip(pod.namespace.as_ref())
        .map(|(owner, namespace)| ObjectRef {
            kind: owner.kind.clone(),
            namespace: namespace.clone(),
            name: owner.name.clone(),
        });
    let settings = owner.and_then(|owner| on_object(&["set", "env", "--list"], &owner));
    let there = match meaning {
        Meaning::Exists(service) | Meaning::OtherNamespace(service) | Meaning::Misspelt(service) => {
            on_object(&["get"], service)
        }
        Meaning::NoService(namespace, _) => Kubectl::new(&["get", "services"]).namespace(namespace),
        Meaning::Outside => None,
    };
    let commands = [settings, there].into_iter().flatten();
    let commands: Vec<String> = commands.map(|command| command.to_string()).collect();
    (!commands.is_empty()).then(|| {
        Remedy::look(
            "Find where the name is set and correct it".to_owned(),
            "the name comes from the application's settings; the DNS server only says that it does not exist"
                .to_owned(),
            commands,
            "the name is found and connects follow".to_owned(),
        )
    })
}
