//! Label selectors as objects carry them.

use std::collections::BTreeMap;
use std::sync::Arc;

use correlator::LabelSelector;
use correlator::selector::{Operator, Requirement};
use serde::Deserialize;

use super::prune::Pruner;

/// Requirements of a selector, and values of one.
const REQUIREMENTS: usize = 32;
const VALUES: usize = 64;

/// A label selector.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Selector {
    match_labels: Option<BTreeMap<String, String>>,
    match_expressions: Option<Vec<Expression>>,
}

/// A requirement of a label selector.
#[derive(Debug, Clone, Default, Deserialize)]
struct Expression {
    key: Option<String>,
    operator: Option<String>,
    values: Option<Vec<String>>,
}

/// Selects nothing: a label cannot have one of no values.
pub(super) fn nothing() -> LabelSelector {
    let never = Requirement {
        key: Arc::default(),
        operator: Operator::In,
        values: Vec::new(),
    };
    LabelSelector {
        requirements: vec![never],
        ..LabelSelector::default()
    }
}

impl Pruner {
    /// A label selector; an absent one selects everything.
    pub(super) fn selector(&mut self, selector: Option<&Selector>) -> LabelSelector {
        let Some(selector) = selector else {
            return LabelSelector::default();
        };
        let expressions = self.first(selector.match_expressions.as_deref(), REQUIREMENTS);
        LabelSelector {
            labels: self.labels(selector.match_labels.as_ref()),
            requirements: expressions
                .iter()
                .filter_map(|expression| self.requirement(expression))
                .collect(),
        }
    }

    fn requirement(&mut self, expression: &Expression) -> Option<Requirement> {
        let operator = match expression.operator.as_deref() {
            Some("In") => Operator::In,
            Some("NotIn") => Operator::NotIn,
            Some("Exists") => Operator::Exists,
            Some("DoesNotExist") => Operator::DoesNotExist,
            _ => {
                self.leave_out(1);
                return None;
            }
        };
        let values = self.first(expression.values.as_deref(), VALUES);
        Some(Requirement {
            key: self.name(expression.key.as_deref()),
            operator,
            values: values.iter().map(|value| self.name(Some(value))).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_read_with_labels_and_requirements() {
        let wire = serde_json::json!({
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "NotIn", "values": ["batch", "test"]},
                {"key": "canary", "operator": "DoesNotExist"},
                {"key": "odd", "operator": "Near"},
            ],
        });
        let mut pruner = Pruner::default();
        let selector = pruner.selector(Some(&serde_json::from_value(wire).unwrap()));
        let operators: Vec<_> = selector.requirements.iter().map(|one| one.operator).collect();
        assert_eq!(operators, [Operator::NotIn, Operator::DoesNotExist]);
        assert_eq!(selector.requirements[0].values.len(), 2);
        assert!(selector.labels.contains_key("app"));
        assert_eq!(pruner.take_left_out(), 1, "an operator that is not known");
    }

    #[test]
    fn nothing_is_selected_by_a_selector_that_is_not_there() {
        assert!(!nothing().selects(&[("".into(), "".into())].into()));
    }
}
