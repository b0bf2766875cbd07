//! What a name that does not exist was probably meant to be: the Services whose names are nearest to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use correlator::{ObjectRef, ObjectState, World};

use crate::lookups::Domains;

/// Letters by which a name may differ, and the share of its letters.
const LETTERS: usize = 2;
const SHARE: usize = 3;

/// What a missing name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning<'a> {
    /// That Service is there: it has no addresses, or the DNS server does not know it yet.
    Exists(&'a Arc<ObjectRef>),
    /// A Service of that name is in another namespace.
    OtherNamespace(&'a Arc<ObjectRef>),
    /// A Service with a name that is nearly the same.
    Misspelt(&'a Arc<ObjectRef>),
    /// A Service that is not there, by its namespace and name.
    NoService(String, String),
    /// A name outside the cluster.
    Outside,
}

/// What a name that a pod of this namespace looked up means.
pub(crate) fn meaning<'a>(world: &'a World, name: &str, namespace: &str, domains: &Domains) -> Meaning<'a> {
    let Some((service, wanted)) = service(world, name, namespace, domains) else {
        return Meaning::Outside;
    };
    let all = || services(world);
    let mut same: Vec<_> = all().filter(|other| *other.name == *service).collect();
    if let Some(exact) = same.iter().find(|other| *other.namespace == *wanted) {
        return Meaning::Exists(exact);
    }
    same.sort_by_key(|other| strsim::damerau_levenshtein(&other.namespace, &wanted));
    if let Some(nearest) = same.first() {
        return Meaning::OtherNamespace(nearest);
    }
    let near = all().filter(|other| *other.namespace == *wanted && is_near(&other.name, &service));
    match near.min_by_key(|other| strsim::damerau_levenshtein(&other.name, &service)) {
        Some(nearest) => Meaning::Misspelt(nearest),
        None => Meaning::NoService(wanted, service),
    }
}

/// Name and namespace of the Service that a name asks for: `cart`, `cart.shop`, `cart.shop.svc`, with the cluster's domain or
/// without, and with the name of a pod in front. `None` for names outside the cluster.
fn service(world: &World, name: &str, namespace: &str, domains: &Domains) -> Option<(String, String)> {
    let inside = name
        .strip_suffix(&domains.cluster)
        .and_then(|rest| rest.strip_suffix('.'));
    let labels: Vec<&str> = inside.unwrap_or(name).split('.').collect();
    let of = |service: &str, namespace: &str| Some((service.to_owned(), namespace.to_owned()));
    match labels[..] {
        [.., service, wanted, "svc"] => of(service, wanted),
        [service] if inside.is_none() => of(service, namespace),
        [service, wanted] if knows(world, wanted) || services(world).any(|other| *other.name == *service) => {
            of(service, wanted)
        }
        _ => None,
    }
}

/// Whether a namespace, or one with nearly its name, holds anything.
fn knows(world: &World, namespace: &str) -> bool {
    let of_pods = world.pods().filter_map(|pod| pod.identity.namespace.as_deref());
    let all: BTreeSet<&str> = of_pods
        .chain(services(world).map(|service| &*service.namespace))
        .collect();
    all.contains(namespace) || all.iter().any(|other| is_near(other, namespace))
}

fn services(world: &World) -> impl Iterator<Item = &Arc<ObjectRef>> {
    world
        .objects()
        .filter(|(_, state)| matches!(state, ObjectState::Service(_)))
        .map(|(name, _)| name)
}

fn is_near(one: &str, other: &str) -> bool {
    let letters = strsim::damerau_levenshtein(one, other);
    letters <= LETTERS && letters * SHARE <= one.len().max(other.len())
}

#[cfg(test)]
mod tests {
    use correlator::object::ServiceState;
    use correlator::{Body, Engine, Event, Fact, Subject, signals};
    use fixtures::events::{pod, pod_state, secs};

    use super::*;

    /// Services `shop/cart`, `shop/payments` and `front/web`, and a pod in `default`.
    fn world() -> Engine {
        let mut engine = Engine::new(Vec::new(), 100);
        engine.push(pod_state(secs(1), &pod("default", "a")));
        for (namespace, name) in [("shop", "cart"), ("shop", "payments"), ("front", "web")] {
            let name = ObjectRef {
                kind: "Service".into(),
                namespace: namespace.into(),
                name: name.into(),
            };
            engine.push(Event {
                at: secs(1),
                subject: Subject::Object(name.into()),
                signal: signals::KUBE_OBJECT,
                body: Body::Fact(Fact::Object(Box::new(ObjectState::Service(ServiceState::default())))),
            });
        }
        engine.advance(secs(2));
        engine
    }

    fn of(name: &str) -> String {
        let engine = world();
        match meaning(engine.world(), name, "front", &Domains::new("front", "cluster.local")) {
            Meaning::Exists(service) => format!("is {}/{}", service.namespace, service.name),
            Meaning::OtherNamespace(service) => format!("elsewhere {}/{}", service.namespace, service.name),
            Meaning::Misspelt(service) => format!("misspelt {}/{}", service.namespace, service.name),
            Meaning::NoService(namespace, name) => format!("no {namespace}/{name}"),
            Meaning::Outside => "outside".to_owned(),
        }
    }

    #[test]
    fn a_name_is_read_as_a_pod_writes_it() {
        for (name, means) in [
            ("web", "is front/web"),
            ("cart", "elsewhere shop/cart"),
            ("cart.shop.svc.cluster.local", "is shop/cart"),
            ("cart.shpo", "elsewhere shop/cart"),
            ("cart.shop.svc", "is shop/cart"),
            ("db-0.payments.shop.svc.cluster.local", "is shop/payments"),
            ("paymetns.shop", "misspelt shop/payments"),
            ("payment.shop.svc.cluster.local", "misspelt shop/payments"),
            ("wed", "misspelt front/web"),
            ("redis.shop", "no shop/redis"),
            ("redis", "no front/redis"),
            ("api.example.com", "outside"),
            ("example.com", "outside"),
        ] {
            assert_eq!(of(name), means, "{name}");
        }
    }
}
