//! What a detector is made of: a name, what it goes by, and how it judges a window.

use std::time::Duration;

use correlator::{Culprit, Detector, Tunable, Verdict, Window};

use crate::changes;

/// One file under `detectors/` has one. Its insights about pods tell what changed before, and suspect a wave of their own kind last
/// of all.
pub(crate) struct Rule {
    /// Kebab-case, named for the problem; the file's name is the same with underscores.
    pub(crate) id: &'static str,
    /// The sources it reads; when one of them is blind, its insights say so.
    pub(crate) needs: &'static [&'static str],
    /// How long a finding must stay away before it counts as resolved.
    pub(crate) hold: Duration,
    /// The numbers it asks the window for.
    pub(crate) tunables: &'static [Tunable],
    pub(crate) detect: fn(&Window<'_>) -> Verdict,
}

impl Rule {
    /// A detector that needs no source, holds for a minute and has no numbers to choose.
    pub(crate) const fn new(id: &'static str, detect: fn(&Window<'_>) -> Verdict) -> Self {
        Self {
            id,
            needs: &[],
            hold: Duration::from_secs(60),
            tunables: &[],
            detect,
        }
    }
}

impl Detector for Rule {
    fn id(&self) -> &'static str {
        self.id
    }

    fn needs(&self) -> &'static [&'static str] {
        self.needs
    }

    fn hold(&self) -> Duration {
        self.hold
    }

    fn tunables(&self) -> &'static [Tunable] {
        self.tunables
    }

    fn detect(&self, window: &Window<'_>) -> Verdict {
        let mut verdict = (self.detect)(window);
        if let Verdict::Found(found) = &mut verdict {
            for insight in found {
                changes::attach(window.world(), insight);
                insight.suspects.push(Culprit::Kind(self.id));
            }
        }
        verdict
    }
}
