//! What the catalogue promises and tapio does not recognise yet, and why.

/// Id and reason, in the order of the ids.
pub const NOT_YET: &[(&str, &str)] = &[
    ("gpu-idle", "nothing watches GPUs"),
    ("gpu-memory-full", "nothing watches GPUs"),
    (
        "what-changed",
        "it is no insight of its own: the rollout before any other insight is told in that one's evidence",
    ),
];
