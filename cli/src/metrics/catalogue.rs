//! What is exported: every metric with its type, labels, source and meaning, and which signal feeds it. docs/metrics.md is
//! made from these tables.

use super::bounds::Bounds;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Rises only; the name of its samples ends in `_total`.
    Counter,
    /// A value that stands at this moment.
    Gauge,
    /// Durations in seconds, counted into buckets.
    Histogram(Bounds),
    /// Constant 1; its labels say something. The name of its sample ends in `_info`.
    Info,
}

/// What a value is multiplied with to be in base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// It is in base units.
    Base,
    /// Nanoseconds, shown as seconds.
    Nanos,
}

/// A signal and the metric that it feeds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fed {
    /// The signal's name up to the first colon.
    pub(crate) signal: &'static str,
    /// Name of the metric, without `tapio_`; of a counter without `_total`.
    pub(crate) metric: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
    pub(crate) unit: Unit,
    /// Names for what follows the signal's name after colons.
    pub(crate) labels: &'static [&'static str],
    /// Most values of the labels that one container has, where anybody outside may choose them.
    #[allow(dead_code, reason = "docs/metrics.md says it in a sentence")]
    pub(crate) most: Option<u32>,
    /// Labels that several signals of one metric differ in.
    pub(crate) fixed: &'static [(&'static str, &'static str)],
    /// Which sniffer sends it, and which probe.
    pub(crate) source: &'static str,
}

/// A signal of things that take time and end somehow: how many ended how, and how long those took that were answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spanned<'a> {
    pub(crate) signal: &'a str,
    /// The counter, with the label `outcome`.
    pub(crate) total: &'a str,
    pub(crate) total_help: &'static str,
    /// The histogram.
    pub(crate) latency: &'a str,
    pub(crate) latency_help: &'static str,
    pub(crate) fixed: &'static [(&'static str, &'static str)],
    pub(crate) source: &'static str,
}

/// A metric about tapio or its insights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own {
    /// Full name, of a counter without `_total`.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
    pub(crate) labels: &'static [&'static str],
    /// Those that are written even when they are empty.
    #[allow(dead_code, reason = "docs/metrics.md says it in a sentence")]
    pub(crate) explicit: &'static [&'static str],
    /// What it is taken from.
    #[allow(dead_code, reason = "docs/metrics.md says it")]
    pub(crate) source: &'static str,
}

const fn fed(source: &'static str, signal: &'static str, metric: &'static str, kind: Kind, help: &'static str) -> Fed {
    Fed {
        signal,
        metric,
        kind,
        help,
        unit: Unit::Base,
        labels: &[],
        most: None,
        fixed: &[],
        source,
    }
}

const fn counter(source: &'static str, signal: &'static str, metric: &'static str, help: &'static str) -> Fed {
    fed(source, signal, metric, Kind::Counter, help)
}

const fn gauge(source: &'static str, signal: &'static str, metric: &'static str, help: &'static str) -> Fed {
    fed(source, signal, metric, Kind::Gauge, help)
}

const fn seconds(source: &'static str, signal: &'static str, metric: &'static str, help: &'static str) -> Fed {
    Fed {
        unit: Unit::Nanos,
        ..counter(source, signal, metric, help)
    }
}

const fn times(
    source: &'static str,
    signal: &'static str,
    metric: &'static str,
    bounds: Bounds,
    help: &'static str,
) -> Fed {
    fed(source, signal, metric, Kind::Histogram(bounds), help)
}

const fn by(fed: Fed, labels: &'static [&'static str]) -> Fed {
    Fed { labels, ..fed }
}

const fn at_most(most: u32, fed: Fed) -> Fed {
    Fed {
        most: Some(most),
        ..fed
    }
}

const fn one_of(fed: Fed, fixed: &'static [(&'static str, &'static str)]) -> Fed {
    Fed { fixed, ..fed }
}

const CGROUP: &str = "cgroup";
const NODE: &str = "node";
const SCHED: &str = "ebpf/cpu_sched";
const DNS: &str = "ebpf/dns";
const FILE: &str = "ebpf/file";
const FLOW: &str = "ebpf/net_flow";
const PROCESS: &str = "ebpf/process";
const SYSCALL: &str = "ebpf/syscall";
const TCP: &str = "ebpf/tcp_traffic";
const RETRANSMIT: &str = "ebpf/tcp_retransmit";

const CONNECTIONS: &str = "TCP connections by direction and outcome.";
const NET_BYTES: &str = "Bytes of IP packets at the container's sockets, headers included.";
const NET_PACKETS: &str = "IP packets at the container's sockets.";
const RESETS: &str = "TCP resets by direction.";
const MEMORY_PRESSURE: &str = "Time in which some or all tasks waited for memory (PSI).";
const IO_PRESSURE: &str = "Time in which some or all tasks waited for a device (PSI).";
const SLOW_FILES: &str = "Time in calls on files that took ten milliseconds or longer.";
const ODD_REPLIES: &str = "DNS replies that were late, to no known query, cut off, or in a form that is not read.";

/// What the signals of containers feed.
#[rustfmt::skip]
pub(crate) const FED: &[Fed] = &[
    gauge(CGROUP, "memory.usage", "memory_usage_bytes", "Memory charged to the cgroup."),
    gauge(CGROUP, "memory.unreclaimable", "memory_unreclaimable_bytes", "Charged memory that reclaim cannot free."),
    gauge(CGROUP, "memory.cache", "memory_cache_bytes", "File pages and reclaimable slab."),
    gauge(CGROUP, "memory.limit", "memory_limit_bytes", "The lowest memory limit that holds."),
    gauge(CGROUP, "memory.working_set", "memory_working_set_bytes", "Memory in use as the kubelet counts it: usage less inactive file pages."),
    gauge(CGROUP, "memory.headroom", "memory_headroom_bytes", "The least that is left until a memory limit is met."),
    gauge(CGROUP, "memory.active_cache", "memory_active_cache_bytes", "File pages that were used of late."),
    counter(CGROUP, "memory.limit_hits", "memory_limit_hits", "How often the memory limit was met."),
    counter(CGROUP, "memory.major_faults", "memory_major_page_faults", "Page faults that had to wait for a device."),
    gauge("ebpf/memory_sample", "memory.rss", "memory_rss_bytes", "Resident memory of the processes, sampled in the kernel."),
    counter("ebpf/memory", "memory.oom_kill", "memory_oom_kills", "OOM victims named by the kernel."),
    counter(CGROUP, "memory.oom_kills", "memory_cgroup_oom_kills", "OOM kills counted by the cgroup files."),
    one_of(seconds(CGROUP, "memory.pressure_some", "memory_pressure_seconds", MEMORY_PRESSURE), &[("kind", "some")]),
    one_of(seconds(CGROUP, "memory.pressure_full", "memory_pressure_seconds", MEMORY_PRESSURE), &[("kind", "full")]),
    one_of(seconds(CGROUP, "io.pressure_some", "io_pressure_seconds", IO_PRESSURE), &[("kind", "some")]),
    one_of(seconds(CGROUP, "io.pressure_full", "io_pressure_seconds", IO_PRESSURE), &[("kind", "full")]),
    seconds(CGROUP, "cpu.pressure_some", "cpu_pressure_seconds", "Time in which some tasks waited for a CPU (PSI)."),
    seconds(CGROUP, "cpu.usage", "cpu_usage_seconds", "CPU time used."),
    seconds(CGROUP, "cpu.throttled", "cpu_throttled_seconds", "Time in which the CPU quota was used up."),
    counter(CGROUP, "cpu.periods", "cpu_periods", "Enforcement periods of the CPU quota."),
    counter(CGROUP, "cpu.throttled_periods", "cpu_throttled_periods", "Periods in which the CPU quota was used up."),
    times(SCHED, "cpu.runqueue_wait", "cpu_runqueue_latency_seconds", Bounds::RunQueue, "Waits of runnable tasks for a CPU."),
    counter(SCHED, "cpu.context_switches", "cpu_context_switches", "How often tasks got a CPU."),
    gauge(CGROUP, "pids.current", "processes", "Processes and threads."),
    gauge(CGROUP, "pids.max", "processes_limit", "The lowest limit on processes and threads that holds."),
    gauge(CGROUP, "pids.headroom", "processes_headroom", "How many more processes and threads there may be."),
    gauge(NODE, "files.open", "open_files", "Open files of the process that is nearest to its limit."),
    gauge(NODE, "files.limit", "open_files_limit", "How many files that process may have open."),
    by(gauge(NODE, "volume.used_bytes", "volume_used_bytes", "Used of a volume that has a file system of its own."), &["volume"]),
    by(gauge(NODE, "volume.size_bytes", "volume_size_bytes", "What users may fill of the volume in all."), &["volume"]),
    by(gauge(NODE, "volume.used_inodes", "volume_used_inodes", "Files in the volume."), &["volume"]),
    by(gauge(NODE, "volume.size_inodes", "volume_size_inodes", "How many files the volume may hold."), &["volume"]),
    gauge(NODE, "node.memory_available", "node_memory_available_bytes", "Memory that programs may still take without swapping."),
    gauge(NODE, "node.memory_total", "node_memory_total_bytes", "Memory of the node."),
    gauge(NODE, "node.memory_working_set", "node_memory_working_set_bytes", "Memory in use as the kubelet counts it."),
    gauge(NODE, "node.memory_eviction", "node_memory_eviction_bytes", "The kubelet evicts pods when less memory is available."),
    gauge(NODE, "node.disk_available_bytes", "node_disk_available_bytes", "Left on the file system of the kubelet's files."),
    gauge(NODE, "node.disk_size_bytes", "node_disk_size_bytes", "Size of the file system of the kubelet's files."),
    gauge(NODE, "node.disk_eviction_bytes", "node_disk_eviction_bytes", "The kubelet evicts pods when less is left."),
    gauge(NODE, "node.disk_available_inodes", "node_disk_available_inodes", "Files that may still be made there."),
    gauge(NODE, "node.disk_size_inodes", "node_disk_size_inodes", "How many files it may hold."),
    gauge(NODE, "node.disk_eviction_inodes", "node_disk_eviction_inodes", "The kubelet evicts pods when fewer are left."),
    gauge(NODE, "node.conntrack_entries", "node_conntrack_entries", "Connections that are tracked."),
    gauge(NODE, "node.conntrack_max", "node_conntrack_entries_limit", "How many connections may be tracked."),
    counter(PROCESS, "process.exec", "process_execs", "Programs started."),
    counter(PROCESS, "process.exit", "process_exits", "Processes ended."),
    counter(TCP, "tcp.bytes_sent", "tcp_bytes_sent", "Payload that the other side acknowledged, bytes."),
    counter(TCP, "tcp.bytes_received", "tcp_bytes_received", "Payload received in order, bytes."),
    times(TCP, "tcp.rtt", "tcp_rtt_seconds", Bounds::RoundTrip, "Smoothed round-trip times of connections."),
    times(TCP, "tcp.connection_duration", "tcp_connection_duration_seconds", Bounds::ConnectionDuration, "Lives of connections, established to closed."),
    one_of(counter(TCP, "tcp.accepts", "tcp_connections", CONNECTIONS), &[("direction", "inbound"), ("outcome", "ok")]),
    counter(RETRANSMIT, "tcp.retransmits", "tcp_retransmits", "Segments sent again."),
    one_of(counter(RETRANSMIT, "tcp.resets_sent", "tcp_resets", RESETS), &[("direction", "sent")]),
    one_of(counter(RETRANSMIT, "tcp.resets_received", "tcp_resets", RESETS), &[("direction", "received")]),
    counter("ebpf/listen_queue", "listen.overflows", "tcp_listen_overflows", "Handshakes turned away by a full accept queue."),
    one_of(counter(FLOW, "net.bytes_sent", "network_bytes", NET_BYTES), &[("direction", "sent")]),
    one_of(counter(FLOW, "net.bytes_received", "network_bytes", NET_BYTES), &[("direction", "received")]),
    one_of(counter(FLOW, "net.packets_sent", "network_packets", NET_PACKETS), &[("direction", "sent")]),
    one_of(counter(FLOW, "net.packets_received", "network_packets", NET_PACKETS), &[("direction", "received")]),
    gauge(FLOW, "net.active_flows", "active_flows", "Flows with a packet within the last nine seconds."),
    by(counter(DNS, "dns.queries", "dns_queries", "DNS queries sent, by type."), &["qtype"]),
    by(counter(DNS, "dns.responses", "dns_responses", "DNS replies received, by code."), &["rcode"]),
    at_most(50, by(counter(DNS, "dns.queries_by_domain", "dns_queries_by_domain", "DNS queries that were answered or timed out, by registered domain or Service."), &["domain"])),
    counter(DNS, "dns.timeouts", "dns_timeouts", "DNS queries without a reply within five seconds."),
    counter(DNS, "dns.retries", "dns_retries", "DNS queries sent again before there was a reply."),
    one_of(counter(DNS, "dns.responses_late", "dns_odd_responses", ODD_REPLIES), &[("kind", "late")]),
    one_of(counter(DNS, "dns.responses_unmatched", "dns_odd_responses", ODD_REPLIES), &[("kind", "unmatched")]),
    one_of(counter(DNS, "dns.responses_truncated", "dns_odd_responses", ODD_REPLIES), &[("kind", "truncated")]),
    one_of(counter(DNS, "dns.responses_unread", "dns_odd_responses", ODD_REPLIES), &[("kind", "unread")]),
    counter(DNS, "dns.answers_limited", "dns_answers_limited", "DNS failures that were counted and not told one by one."),
    by(counter(DNS, "dns.malformed", "dns_malformed", "DNS messages that break RFC 1035."), &["reason"]),
    by(counter(SYSCALL, "syscall.calls", "syscalls", "System calls."), &["syscall"]),
    by(counter(SYSCALL, "syscall.errors", "syscall_errors", "System calls that failed."), &["syscall", "errno"]),
    by(counter(SYSCALL, "syscall.errno", "syscall_resource_errors", "Calls that failed for want of a resource or peer."), &["syscall", "errno"]),
    by(times(SYSCALL, "syscall.latency", "syscall_latency_seconds", Bounds::Syscall, "Time in the system calls that are timed."), &["syscall"]),
    one_of(times(FILE, "file.slow_reads", "file_slow_seconds", Bounds::SlowFile, SLOW_FILES), &[("operation", "read")]),
    one_of(times(FILE, "file.slow_writes", "file_slow_seconds", Bounds::SlowFile, SLOW_FILES), &[("operation", "write")]),
    one_of(times(FILE, "file.slow_syncs", "file_slow_seconds", Bounds::SlowFile, SLOW_FILES), &[("operation", "sync")]),
];

/// What spans of containers feed.
pub(crate) const SPANNED: &[Spanned] = &[
    Spanned {
        signal: "tcp.connect",
        total: "tcp_connections",
        total_help: CONNECTIONS,
        latency: "tcp_connect_latency_seconds",
        latency_help: "TCP handshakes of the client side, SYN_SENT to ESTABLISHED.",
        fixed: &[("direction", "outbound")],
        source: "ebpf/tcp_connect",
    },
    Spanned {
        signal: "dns.query",
        total: "dns_lookups",
        total_help: "DNS queries by outcome.",
        latency: "dns_latency_seconds",
        latency_help: "Time from a DNS query to its reply.",
        fixed: &[],
        source: DNS,
    },
];

const fn own(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    source: &'static str,
    help: &'static str,
) -> Own {
    Own {
        name,
        kind,
        help,
        labels,
        explicit: &[],
        source,
    }
}

const fn explicit(labels: &'static [&'static str], own: Own) -> Own {
    Own {
        explicit: labels,
        ..own
    }
}

/// What is told of tapio and its insights. Those that only a live run has say so by their source.
#[rustfmt::skip]
pub(crate) const OWN: &[Own] = &[
    own("tapio_insights", Kind::Counter, &["id", "severity"], "insights", "Insights opened."),
    explicit(&["namespace", "pod"], own("tapio_insight_active", Kind::Gauge, &["id", "severity", "namespace", "pod", "node", "kind", "name"], "insights", "1 while an insight is open; kind and name are of what is no pod.")),
    own("tapio_oom_probability", Kind::Gauge, &["namespace", "pod", "container", "node", "horizon"], "insights", "Probability of an OOM kill within the horizon, recalibrated."),
    own("tapio_oom_time_to_limit_seconds", Kind::Gauge, &["namespace", "pod", "container", "node"], "insights", "Likely time to the memory limit, given that it is met; only where that is worth saying."),
    own("tapio_prediction_resolved", Kind::Counter, &["horizon_group", "bin", "outcome"], "insights", "Forecasts of which it is known what came of them, by the lower bound of what was stated."),
    own("tapio_prediction_censored", Kind::Counter, &["horizon_group", "reason"], "insights", "Forecasts of which it will never be known whether they came true."),
    own("tapio_prediction_kills", Kind::Counter, &[], "insights", "OOM kills about which a forecast was waiting."),
    own("tapio_prediction_brier", Kind::Gauge, &["horizon_group"], "insights", "Mean squared error of what was stated (Brier score)."),
    own("tapio_prediction_calibration_error", Kind::Gauge, &["horizon_group"], "insights", "Mean distance of stated and observed frequency."),
    own("tapio_prediction_recalibration", Kind::Gauge, &["horizon_group", "parameter"], "insights", "What raw log-odds are multiplied with (a), and what is added (b)."),
    own("tapio_correlations", Kind::Counter, &[], "insights", "Insights opened that join kernel and Kubernetes evidence."),
    own("tapio_pods", Kind::Gauge, &[], "k8s", "Pods that the API server told of."),
    own("tapio_events", Kind::Counter, &["source", "signal"], "engine", "Events received."),
    own("tapio_events_dropped", Kind::Counter, &["source", "reason"], "all", "Events lost."),
    own("tapio_events_malformed", Kind::Counter, &["source"], "all", "Of the events lost those that could not be read: records of probes, objects of the API server."),
    own("tapio_batches", Kind::Counter, &[], "engine", "Batches moved into the histories."),
    own("tapio_batch_seconds", Kind::Histogram(Bounds::Own), &[], "engine, live", "Time in which the events of 100 ms were dealt with."),
    own("tapio_sniffer_up", Kind::Gauge, &["sniffer"], "all", "1 while a source watches, 0 while it is blind."),
    own("tapio_breaker_state", Kind::Gauge, &["name"], "manager, live", "Breaker of a sniffer or sink: 0 closed, 1 half open, 2 open."),
    own("tapio_sink_sent", Kind::Counter, &["sink"], "sinks, live", "Insights and requests with metrics that a sink took."),
    own("tapio_sink_dropped", Kind::Counter, &["sink", "reason"], "sinks, live", "Those that were not sent."),
    own("tapio_sink_queue_length", Kind::Gauge, &["sink"], "sinks, live", "Those that wait."),
    own("tapio_probe_attached", Kind::Gauge, &["probe", "kind"], "ebpf, live", "1 while a probe's programs are attached to hooks of this kind."),
    own("tapio_probe_run_seconds", Kind::Counter, &["probe"], "ebpf, live", "Time in a probe's programs; only where kernel.bpf_stats_enabled is 1."),
    own("tapio_ring_buffer_utilization_ratio", Kind::Gauge, &["probe"], "ebpf, live", "Largest part of a ring that a reading of the last second found filled."),
    own("tapio_pidmap_hits", Kind::Counter, &[], "pid map, live", "Tasks answered from the index alone."),
    own("tapio_pidmap_misses", Kind::Counter, &[], "pid map, live", "Tasks that needed a walk or /proc."),
    own("tapio_pidmap_unresolved", Kind::Counter, &[], "pid map, live", "Tasks that nothing at all was found for."),
    own("tapio_pidmap_entries", Kind::Gauge, &[], "pid map, live", "Cgroups held."),
    own("tapio_pidmap_bytes", Kind::Gauge, &[], "pid map, live", "What these weigh against the budget of 32 MiB."),
    own("tapio_pidmap_processes", Kind::Gauge, &[], "pid map, live", "Processes held for records that have only a pid."),
    own("tapio_pidmap_processes_refused", Kind::Counter, &[], "pid map, live", "Processes that could not be held, as there were too many."),
    own("tapio_pidmap_walks", Kind::Counter, &[], "pid map, live", "Walks of the cgroup trees."),
    own("tapio_pidmap_walks_cut", Kind::Counter, &[], "pid map, live", "Walks that ended early, as there were too many directories."),
    own("tapio_pidmap_watch_overflows", Kind::Counter, &[], "pid map, live", "How often more cgroups came and went at once than inotify queues."),
    own("tapio_pidmap_directories_unwatched", Kind::Gauge, &[], "pid map, live", "Cgroup directories without an inotify watch."),
    own("tapio_series", Kind::Gauge, &[], "exporter", "Series of containers that are held."),
    own("tapio_series_dropped", Kind::Counter, &["bound"], "exporter", "Values that came beyond a bound: under ~other, or of gauges nowhere."),
    own("tapio_series_expired", Kind::Counter, &[], "exporter", "Series that left as nothing was heard of them."),
    own("tapio_config_reloads", Kind::Counter, &["outcome"], "config, live", "How often SIGHUP had the configuration read again, with success or failure."),
    own("tapio_config_last_reload_successful", Kind::Gauge, &[], "config, live", "1 unless the configuration was wrong when it was last read again."),
    own("tapio_build", Kind::Info, &["version"], "exporter", "What was built."),
    own("process_cpu_seconds", Kind::Counter, &[], "/proc/self, live", "CPU time of tapio, user and system."),
    own("process_resident_memory_bytes", Kind::Gauge, &[], "/proc/self, live", "Resident memory of tapio."),
    own("process_start_time_seconds", Kind::Gauge, &[], "/proc/self, live", "When tapio started, seconds since 1970."),
];
