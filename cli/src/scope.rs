//! What the user asked to see: one namespace or all, and commands for the context in use.

use correlator::{Insight, Subject};

/// The user's choice.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) namespace: Option<String>,
    pub(crate) context: Option<String>,
}

impl Scope {
    /// Whether the user asked for this insight. Nodes and the cluster concern every namespace.
    pub(crate) fn covers(&self, insight: &Insight) -> bool {
        match (&self.namespace, &insight.subject) {
            (Some(namespace), Subject::Container(pod) | Subject::Pod(pod)) => {
                pod.namespace.as_deref() == Some(namespace.as_str())
            }
            (Some(_), Subject::Process(_)) => false,
            _ => true,
        }
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

    use correlator::{PodIdentity, Remedy, Risk, Severity};

    use super::*;

    fn insight(namespace: Option<&str>) -> Insight {
        let pod = PodIdentity {
            namespace: namespace.map(Into::into),
            ..Default::default()
        };
        Insight::new(
            "test",
            Subject::Pod(Arc::new(pod)),
            Severity::Info,
            String::new(),
            String::new(),
        )
    }

    #[test]
    fn a_namespace_hides_the_pods_of_others_and_of_nobody() {
        let scope = Scope {
            namespace: Some("shop".into()),
            context: None,
        };
        assert!(scope.covers(&insight(Some("shop"))));
        assert!(!scope.covers(&insight(Some("pay"))));
        assert!(!scope.covers(&insight(None)));
    }

    #[test]
    fn commands_carry_the_context_quoted() {
        let scope = Scope {
            namespace: None,
            context: Some("a b".into()),
        };
        let mut insight = insight(None);
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
