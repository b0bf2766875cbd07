//! What recognises a problem: a pure function from a window to a verdict.

use std::time::Duration;

use crate::insight::Insight;
use crate::tunable::Tunable;
use crate::window::{ContainerView, Window};

/// One pattern, such as `oom-killed`.
pub trait Detector: Send + Sync {
    /// Its id: kebab-case, named for the problem.
    fn id(&self) -> &'static str;

    /// The sources it reads (`ebpf/memory`, `k8s/pods`, `cgroup`). When one of them is blind, its insights say so.
    fn needs(&self) -> &'static [&'static str];

    /// How long a finding must stay away before it counts as resolved.
    fn hold(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// The numbers it asks the window for, which a user may choose.
    fn tunables(&self) -> &'static [Tunable] {
        &[]
    }

    /// Looks at one scope.
    fn detect(&self, window: &Window<'_>) -> Verdict;
}

/// What a detector says of a window.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Nothing wrong.
    Quiet,
    /// Cannot say yet; what was said before stands.
    NotYet,
    /// Something is wrong; one insight for each thing that is.
    Found(Vec<Insight>),
}

impl Verdict {
    /// `Found`, or `Quiet` when there is nothing in it.
    pub fn of(found: Vec<Insight>) -> Self {
        if found.is_empty() {
            Self::Quiet
        } else {
            Self::Found(found)
        }
    }

    /// What one look at each container of the window found.
    pub fn each<'a, F: IntoIterator<Item = Insight>>(
        window: &Window<'a>,
        look: impl Fn(&Window<'a>, &ContainerView<'a>) -> F,
    ) -> Self {
        let containers = window.containers().iter();
        Self::of(containers.flat_map(|container| look(window, container)).collect())
    }

    /// The insights in it.
    pub fn into_found(self) -> Vec<Insight> {
        match self {
            Self::Found(found) => found,
            Self::Quiet | Self::NotYet => Vec::new(),
        }
    }
}
