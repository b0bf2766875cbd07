//! Label selectors, as the API server evaluates them (`apimachinery/pkg/labels/selector.go`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::object::Labels;

/// Labels that an object must have and requirements that its labels must meet; an empty one selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LabelSelector {
    /// Labels with exactly these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: Labels,
    /// What else must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<Requirement>,
}

/// One requirement on a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// The label.
    pub key: Arc<str>,
    /// How its value is judged.
    pub operator: Operator,
    /// The values of `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Arc<str>>,
}

/// How a label is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// It is there with one of the values.
    In,
    /// It is not there, or with another value.
    NotIn,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
}

impl LabelSelector {
    /// Whether an object with these labels is selected.
    #[must_use]
    pub fn selects(&self, labels: &Labels) -> bool {
        let equal = self.labels.iter().all(|(key, value)| labels.get(key) == Some(value));
        equal && self.requirements.iter().all(|requirement| requirement.is_met(labels))
    }
}

impl Requirement {
    fn is_met(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match self.operator {
            Operator::In => value.is_some_and(|value| self.values.contains(value)),
            Operator::NotIn => value.is_none_or(|value| !self.values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect()
    }

    fn requires(operator: Operator, values: &[&str]) -> LabelSelector {
        let values = values.iter().map(|value| Arc::from(*value)).collect();
        let requirement = Requirement {
            key: "tier".into(),
            operator,
            values,
        };
        LabelSelector {
            requirements: vec![requirement],
            ..LabelSelector::default()
        }
    }

    #[test]
    fn an_empty_selector_selects_everything() {
        assert!(LabelSelector::default().selects(&labels(&[])));
    }

    #[test]
    fn all_labels_of_a_selector_have_to_be_there() {
        let selector = LabelSelector {
            labels: labels(&[("app", "web"), ("tier", "front")]),
            ..LabelSelector::default()
        };
        assert!(selector.selects(&labels(&[("app", "web"), ("tier", "front"), ("more", "")])));
        assert!(!selector.selects(&labels(&[("app", "web")])));
    }

    #[test]
    fn not_in_and_does_not_exist_select_what_has_no_such_label() {
        let (with, other, without) = (labels(&[("tier", "a")]), labels(&[("tier", "b")]), labels(&[]));
        let judge = |operator, values: &[&str]| {
            let selector = requires(operator, values);
            [&with, &other, &without].map(|labels| selector.selects(labels))
        };
        assert_eq!(judge(Operator::In, &["a"]), [true, false, false]);
        assert_eq!(judge(Operator::NotIn, &["a"]), [false, true, true]);
        assert_eq!(judge(Operator::Exists, &[]), [true, true, false]);
        assert_eq!(judge(Operator::DoesNotExist, &[]), [false, false, true]);
    }
}
