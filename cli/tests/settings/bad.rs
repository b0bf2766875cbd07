//! Files that are wrong.

/// Files, and what is said of them behind their name.
pub(crate) const BAD: &[(&str, &str)] = &[
    (
        "profil: minimal",
        ":1:1: unknown key \"profil\"; did you mean \"profile\"?",
    ),
    (
        "nonsense: 1",
        ":1:1: unknown key \"nonsense\"; known here: profile, probes, ringSize, intervals",
    ),
    (
        "profile: standart",
        ":1:10: unknown value \"standart\"; did you mean \"standard\"?",
    ),
    ("profile: [minimal]", ":1:10: give one word here"),
    (
        "limits:\n  batchsize: 5",
        ":2:3: unknown key \"batchsize\"; did you mean \"batchSize\"?",
    ),
    (
        "limits:\n  batchSize: 0",
        ":2:14: 0 cannot be used: give a whole number from 1 to 100000",
    ),
    (
        "limits:\n  batchSize: lots",
        ":2:14: give a whole number from 1 to 100000",
    ),
    (
        "limits:\n  seriesPerPod: -1",
        ":2:17: give a whole number from 10 to 100000",
    ),
    (
        "intervals: {cgroup: 1h}",
        ":1:21: \"1h\" cannot be used: give a time from 100ms to 5s",
    ),
    (
        "intervals: {cgroup: 5}",
        ":1:21: \"5\" cannot be used: give a positive time with its unit",
    ),
    (
        "intervals: {disk: 25s}",
        ":1:19: \"25s\" cannot be used: give a time from 1s to 20s",
    ),
    (
        "limits: {seriesIdle: 10s}",
        ":1:22: \"10s\" cannot be used: give a time from 1m to 24h",
    ),
    (
        "ringSize: 3MiB",
        ":1:11: \"3MiB\" cannot be used: give a power of two from 64KiB to 1GiB",
    ),
    (
        "http: {listen: nowhere}",
        ":1:16: \"nowhere\" cannot be used: give an address and a port",
    ),
    (
        "node: {eviction: {diskPercent: 101}}",
        ":1:32: 101 cannot be used: give a whole number from 0 to 100",
    ),
    (
        "node: {eviction: {memory: much}}",
        ":1:27: \"much\" cannot be used: give bytes, or a number with KiB",
    ),
    (
        "profile: custom\nprobes: {dsn: true}",
        ":2:10: unknown key \"dsn\"; did you mean \"dns\"?",
    ),
    ("profile: custom\nprobes: {dns: maybe}", ":2:15: give true or false"),
    (
        "probes: {dns: true}",
        ": probes: only the profile custom takes them; set profile: custom",
    ),
    (
        "thresholds: {cpu-throtled: {}}",
        ":1:14: unknown key \"cpu-throtled\"; did you mean \"cpu-throttled\"?",
    ),
    (
        "thresholds:\n  cpu-throttled:\n    waitingRate: 1",
        ":3:5: unknown key \"waitingRate\"; did you mean \"waitingRatio\"?",
    ),
    (
        "thresholds: {io-stalled: {stalledRatio: 2}}",
        ":1:41: 2 cannot be used: stalledRatio of io-stalled is a number from 0.001 to 1",
    ),
    (
        "thresholds: {io-stalled: {stalledRatio: .nan}}",
        ":1:41: NaN cannot be used",
    ),
    (
        "thresholds: {io-stalled: {stalledRatio: [1]}}",
        ": stalledRatio of io-stalled is a number from 0.001 to 1",
    ),
    (
        "thresholds: {oom-killed: {x: 1}}",
        ": oom-killed has no thresholds that can be chosen; `tapio explain oom-killed` tells",
    ),
    (
        "insights:\n  oom-kill: never",
        ":2:3: unknown key \"oom-kill\"; did you mean \"oom-killed\"?",
    ),
    (
        "insights: {oom-trend: warn}",
        ":1:23: unknown value \"warn\"; known here: never, info, warning, critical",
    ),
    ("insights: {oom-trend: 2}", ":1:23:"),
    ("insights: [oom-trend]", ":1:11: give keys with their values here"),
    ("filters: {namespaces: shop}", ":1:23: give a list, such as [a, b]"),
    (
        "filters: {labelSelector: {matchExpressions: [{key: a, operator: Inn}]}}",
        ":1:65: unknown value \"Inn\"; did you mean \"In\"?",
    ),
    (
        "filters: {labelSelector: {matchExpressions: [{key: a, operator: In}]}}",
        ": filters.labelSelector: In of the label \"a\" needs values",
    ),
    (
        "buckets: {runQueue: [0.001]}",
        ":1:22: 0.001 cannot be used: the kernel counts these in powers of two nanoseconds, and the nearest are 0.000524288 and 0.001048576",
    ),
    (
        "buckets:\n  latency:\n  - 0.5\n  - 0.25",
        ":4:5: 0.25 cannot be used: it must be above 0.5, which is before it",
    ),
    (
        "buckets: {latency: [0]}",
        ":1:21: 0 cannot be used: give seconds above zero",
    ),
    (
        "buckets: {latency: [.inf]}",
        ":1:21: inf cannot be used: give seconds above zero",
    ),
    (
        "buckets: {latency: [5ms]}",
        ":1:21: give a number of seconds, such as 0.25",
    ),
    ("buckets: {latency: []}", "give at least one bound, in seconds"),
    ("buckets: {latency: 1}", ":1:20: give a list, such as [a, b]"),
    (
        "buckets: {batch: [1]}",
        ":1:11: unknown key \"batch\"; known here: latency, runQueue, roundTrip",
    ),
    (
        "profile: minimal\nprofile: minimal",
        ":2:1: the key \"profile\" is here for the second time",
    ),
    (
        "profile: minimal\n---\nprofile: minimal",
        ": there is a second document here; one is allowed",
    ),
    ("profile: 'minimal", ":1:"),
];
