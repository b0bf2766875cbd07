//! What the user asked to see: pods by their labels, a container, and commands for the context in use.

use correlator::object::ObjectRef;
use correlator::{Insight, LabelSelector, PodIdentity, Subject, World};

/// The user's choice.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) context: Option<String>,
    /// Labels of the pods.
    pub(crate) labels: Option<LabelSelector>,
    /// Name of the container.
    pub(crate) container: Option<String>,
}

impl Scope {
    /// Whether the user asked for this insight. Nodes and the cluster concern everybody, a pod all of its containers, and
    /// an object the pods that it owns.
    pub(crate) fn covers(&self, insight: &Insight, world: &World) -> bool {
        match &insight.subject {
            Subject::Container(pod) => self.has_pod(pod, world) && self.has_container(pod),
            Subject::Pod(pod) => self.has_pod(pod, world),
            Subject::Object(object) => self.has_object(object, world),
            Subject::Process(_) => self.labels.is_none() && self.container.is_none(),
            Subject::Node(_) | Subject::Cluster => true,
        }
    }

    fn has_pod(&self, pod: &PodIdentity, world: &World) -> bool {
        let is_selected = |labels: &LabelSelector| {
            let known = world.pod(&pod.uid);
            known.is_some_and(|known| labels.selects(&known.state.labels))
        };
        self.labels.as_ref().is_none_or(is_selected)
    }

    fn has_container(&self, pod: &PodIdentity) -> bool {
        let wanted = self.container.as_deref();
        wanted.is_none_or(|wanted| pod.container.as_deref() == Some(wanted))
    }

    fn has_object(&self, object: &ObjectRef, world: &World) -> bool {
        let owns_one = |labels: &LabelSelector| {
            world.pods().any(|pod| {
                let owner = pod.identity.owner.as_ref();
                let is_in = pod.identity.namespace.as_deref() == Some(&*object.namespace);
                let is_owner = owner.is_some_and(|owner| owner.kind == object.kind && owner.name == object.name);
                is_in && is_owner && labels.selects(&pod.state.labels)
            })
        };
        self.labels.as_ref().is_none_or(owns_one)
    }

    /// Makes the commands of an insight name the context that the user named.
    pub(crate) fn fit(&self, insight: &mut Insight) {
        let Some(context) = &self.context else { return };
        let prefix = format!("kubectl --context {} ", insights::quote(context));
        for remedy in &mut insight.remedies {
            for command in remedy.commands.iter_mut().chain(&mut remedy.undo) {
                if let Some(rest) = command.strip_prefix("kubectl ") {
                    *command = format!("{prefix}{rest}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use correlator::{Engine, Remedy, Risk, Severity, Timestamp};
    use fixtures::events::{Pod, pod};

    use super::*;

    fn about(subject: Subject) -> Insight {
        Insight::new("test", subject, Severity::Info, String::new(), String::new())
    }

    fn of(namespace: Option<&str>) -> Insight {
        let pod = PodIdentity {
            namespace: namespace.map(Into::into),
            ..Default::default()
        };
        about(Subject::Pod(Arc::new(pod)))
    }

    fn object(namespace: &str, name: &str) -> Insight {
        about(Subject::Object(Arc::new(ObjectRef {
            kind: "Deployment".into(),
            namespace: namespace.into(),
            name: name.into(),
        })))
    }

    /// An engine that was told of these pods.
    fn knowing(pods: &[&Pod]) -> Engine {
        let mut engine = Engine::new(Vec::new(), 1);
        for pod in pods {
            engine.push(fixtures::events::pod_state(Timestamp::from_secs(1), pod));
        }
        engine
    }

    #[test]
    fn labels_hide_the_pods_that_have_others_and_the_owners_of_none() {
        let cart = pod("shop", "cart-0").label("app", "cart").owner("Deployment", "cart");
        let till = pod("shop", "till-0").label("app", "till").owner("Deployment", "till");
        let engine = knowing(&[&cart, &till]);
        let scope = Scope {
            labels: crate::selector::parse("app in (cart)").ok(),
            ..Scope::default()
        };
        let covers = |insight: &Insight| scope.covers(insight, engine.world());
        assert!(covers(&about(cart.pod_subject())) && !covers(&about(till.pod_subject())));
        assert!(covers(&object("shop", "cart")) && !covers(&object("shop", "till")) && !covers(&object("pay", "cart")));
        assert!(
            covers(&about(Subject::Cluster)) && !covers(&of(Some("shop"))),
            "its labels are not known"
        );
    }

    #[test]
    fn a_container_hides_the_others_of_its_pod_and_not_the_pod() {
        let engine = knowing(&[]);
        let scope = Scope {
            container: Some("app".into()),
            ..Scope::default()
        };
        let covers = |insight: &Insight| scope.covers(insight, engine.world());
        let container = |name: &str| {
            let pod = PodIdentity {
                container: Some(name.into()),
                ..PodIdentity::default()
            };
            about(Subject::Container(Arc::new(pod)))
        };
        assert!(covers(&container("app")) && !covers(&container("proxy")) && covers(&of(Some("shop"))));
    }

    #[test]
    fn commands_carry_the_context_quoted() {
        let scope = Scope {
            context: Some("a b".into()),
            ..Scope::default()
        };
        let mut insight = of(None);
        insight.remedies.push(Remedy {
            title: String::new(),
            why: String::new(),
            risk: Risk::None,
            impact: String::new(),
            needs: None,
            commands: vec!["kubectl get pods".into()],
            undo: None,
            verify: String::new(),
        });
        scope.fit(&mut insight);
        assert_eq!(insight.remedies[0].commands, ["kubectl --context 'a b' get pods"]);
    }
}
