//! A label selector as Kubernetes objects write it: `matchLabels` and `matchExpressions`.

use std::collections::BTreeMap;

use correlator::LabelSelector;
use correlator::selector::{Operator, Requirement};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Labels that a pod must have and requirements that its labels must meet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Selector {
    /// Labels with exactly these values.
    match_labels: BTreeMap<String, String>,
    /// What else must hold.
    match_expressions: Vec<Expression>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expression {
    /// The label.
    key: String,
    /// How its value is judged.
    operator: Judged,
    /// The values of `In` and `NotIn`.
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
enum Judged {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    /// What it selects, or what is wrong with it.
    pub(super) fn selector(&self) -> Result<LabelSelector, String> {
        let labels = self.match_labels.iter();
        Ok(LabelSelector {
            labels: labels
                .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                .collect(),
            requirements: self
                .match_expressions
                .iter()
                .map(Expression::requirement)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Expression {
    fn requirement(&self) -> Result<Requirement, String> {
        let operator = match self.operator {
            Judged::In => Operator::In,
            Judged::NotIn => Operator::NotIn,
            Judged::Exists => Operator::Exists,
            Judged::DoesNotExist => Operator::DoesNotExist,
        };
        let needs_values = matches!(operator, Operator::In | Operator::NotIn);
        if needs_values == self.values.is_empty() {
            let rule = if needs_values {
                "needs values"
            } else {
                "takes no values"
            };
            return Err(format!("{operator:?} of the label {:?} {rule}", self.key));
        }
        Ok(Requirement {
            key: self.key.as_str().into(),
            operator,
            values: self.values.iter().map(|value| value.as_str().into()).collect(),
        })
    }
}
