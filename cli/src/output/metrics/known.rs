//! The signals that have a metric name of their own.

/// A signal with a metric name of its own.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) signal: &'static str,
    pub(super) metric: &'static str,
    pub(super) help: &'static str,
    pub(super) scale: f64,
    /// Names for what follows the signal's name after colons.
    pub(super) labels: &'static [&'static str],
    /// Labels that several signals of one metric differ in.
    pub(super) fixed: &'static [(&'static str, &'static str)],
}

const NANOS: f64 = 1e-9;

const fn known(signal: &'static str, metric: &'static str, help: &'static str) -> Known {
    Known {
        signal,
        metric,
        help,
        scale: 1.0,
        labels: &[],
        fixed: &[],
    }
}

const fn nanos(signal: &'static str, metric: &'static str, help: &'static str) -> Known {
    Known {
        scale: NANOS,
        ..known(signal, metric, help)
    }
}

const fn labelled(known: Known, labels: &'static [&'static str]) -> Known {
    Known { labels, ..known }
}

const fn one_of(known: Known, fixed: &'static [(&'static str, &'static str)]) -> Known {
    Known { fixed, ..known }
}

pub(super) const CONNECTIONS: &str = "TCP connections by direction and outcome.";
const NET_BYTES: &str = "Bytes of packets at the container's sockets.";
const NET_PACKETS: &str = "Packets at the container's sockets.";
const RESETS: &str = "TCP resets, by direction.";
const MEMORY_PRESSURE: &str = "Time in which some or all tasks waited for memory (PSI).";
const IO_PRESSURE: &str = "Time in which some or all tasks waited for a device (PSI).";

pub(super) const KNOWN: &[Known] = &[
    known("memory.usage", "memory_usage_bytes", "Memory charged to the cgroup."),
    known(
        "memory.working_set",
        "memory_working_set_bytes",
        "Memory in use as the kubelet counts it: usage less inactive file pages.",
    ),
    known(
        "memory.unreclaimable",
        "memory_unreclaimable_bytes",
        "Charged memory that reclaim cannot free.",
    ),
    known("memory.cache", "memory_cache_bytes", "File pages and reclaimable slab."),
    known(
        "memory.limit",
        "memory_limit_bytes",
        "The lowest memory limit that holds.",
    ),
    known(
        "memory.headroom",
        "memory_headroom_bytes",
        "The least that is left until a memory limit is met.",
    ),
    known(
        "memory.active_cache",
        "memory_active_cache_bytes",
        "File pages that were used of late.",
    ),
    known(
        "memory.limit_hits",
        "memory_limit_hits_total",
        "How often the memory limit was met.",
    ),
    known(
        "memory.rss",
        "memory_rss_bytes",
        "Resident memory of the processes, sampled in the kernel.",
    ),
    known(
        "memory.oom_kill",
        "memory_oom_kills_total",
        "OOM victims named by the kernel.",
    ),
    known(
        "memory.oom_kills",
        "memory_cgroup_oom_kills_total",
        "OOM kills counted by the cgroup files.",
    ),
    one_of(
        nanos("memory.pressure_some", "memory_pressure_seconds_total", MEMORY_PRESSURE),
        &[("kind", "some")],
    ),
    one_of(
        nanos("memory.pressure_full", "memory_pressure_seconds_total", MEMORY_PRESSURE),
        &[("kind", "full")],
    ),
    nanos(
        "cpu.pressure_some",
        "cpu_pressure_seconds_total",
        "Time in which some tasks waited for a CPU (PSI).",
    ),
    one_of(
        nanos("io.pressure_some", "io_pressure_seconds_total", IO_PRESSURE),
        &[("kind", "some")],
    ),
    one_of(
        nanos("io.pressure_full", "io_pressure_seconds_total", IO_PRESSURE),
        &[("kind", "full")],
    ),
    nanos("cpu.usage", "cpu_usage_seconds_total", "CPU time used."),
    nanos(
        "cpu.throttled",
        "cpu_throttled_seconds_total",
        "Time in which the CPU quota was used up.",
    ),
    known(
        "cpu.periods",
        "cpu_periods_total",
        "Enforcement periods of the CPU quota.",
    ),
    known(
        "cpu.throttled_periods",
        "cpu_throttled_periods_total",
        "Periods in which the CPU quota was used up.",
    ),
    known(
        "cpu.runqueue_wait",
        "cpu_runqueue_latency_seconds",
        "Waits of runnable tasks for a CPU.",
    ),
    known("pids.current", "processes", "Processes and threads."),
    known(
        "pids.max",
        "processes_limit",
        "The lowest limit on processes and threads that holds.",
    ),
    known(
        "pids.headroom",
        "processes_headroom",
        "How many more processes and threads there may be.",
    ),
    known(
        "files.open",
        "open_files",
        "Open files of the process that is nearest to its limit.",
    ),
    known(
        "files.limit",
        "open_files_limit",
        "How many files that process may have open.",
    ),
    labelled(
        known(
            "volume.used_bytes",
            "volume_used_bytes",
            "Used of a volume that has a file system of its own.",
        ),
        &["volume"],
    ),
    labelled(
        known(
            "volume.size_bytes",
            "volume_size_bytes",
            "What users may fill of the volume in all.",
        ),
        &["volume"],
    ),
    labelled(
        known("volume.used_inodes", "volume_used_inodes", "Files in the volume."),
        &["volume"],
    ),
    labelled(
        known(
            "volume.size_inodes",
            "volume_size_inodes",
            "How many files the volume may hold.",
        ),
        &["volume"],
    ),
    known(
        "node.memory_available",
        "node_memory_available_bytes",
        "Memory that programs may still take without swapping.",
    ),
    known("node.memory_total", "node_memory_total_bytes", "Memory of the node."),
    known(
        "node.memory_working_set",
        "node_memory_working_set_bytes",
        "Memory in use as the kubelet counts it.",
    ),
    known(
        "node.memory_eviction",
        "node_memory_eviction_bytes",
        "The kubelet evicts pods when less memory is available.",
    ),
    known(
        "node.disk_available_bytes",
        "node_disk_available_bytes",
        "Left on the file system of the kubelet's files.",
    ),
    known(
        "node.disk_size_bytes",
        "node_disk_size_bytes",
        "Size of the file system of the kubelet's files.",
    ),
    known(
        "node.disk_eviction_bytes",
        "node_disk_eviction_bytes",
        "The kubelet evicts pods when less is left.",
    ),
    known(
        "node.disk_available_inodes",
        "node_disk_available_inodes",
        "Files that may still be made there.",
    ),
    known(
        "node.disk_size_inodes",
        "node_disk_size_inodes",
        "How many files it may hold.",
    ),
    known(
        "node.disk_eviction_inodes",
        "node_disk_eviction_inodes",
        "The kubelet evicts pods when fewer are left.",
    ),
    known(
        "node.conntrack_entries",
        "node_conntrack_entries",
        "Connections that are tracked.",
    ),
    known(
        "node.conntrack_max",
        "node_conntrack_entries_limit",
        "How many connections may be tracked.",
    ),
    known("process.exec", "process_execs_total", "Programs started."),
    known("process.exit", "process_exits_total", "Processes ended."),
    known(
        "tcp.bytes_sent",
        "tcp_bytes_sent_total",
        "Bytes that the other side acknowledged.",
    ),
    known(
        "tcp.bytes_received",
        "tcp_bytes_received_total",
        "Bytes received in order.",
    ),
    known(
        "tcp.rtt",
        "tcp_rtt_seconds",
        "Smoothed round-trip times of connections.",
    ),
    known(
        "tcp.connection_duration",
        "tcp_connection_duration_seconds",
        "Lives of connections, established to closed.",
    ),
    one_of(
        known("tcp.accepts", "tcp_connections_total", CONNECTIONS),
        &[("direction", "inbound"), ("outcome", "ok")],
    ),
    known("tcp.retransmits", "tcp_retransmits_total", "Segments sent again."),
    one_of(
        known("tcp.resets_sent", "tcp_resets_total", RESETS),
        &[("direction", "sent")],
    ),
    one_of(
        known("tcp.resets_received", "tcp_resets_total", RESETS),
        &[("direction", "received")],
    ),
    known(
        "listen.overflows",
        "tcp_listen_overflows_total",
        "Handshakes turned away by a full accept queue.",
    ),
    one_of(
        known("net.bytes_sent", "network_bytes_total", NET_BYTES),
        &[("direction", "sent")],
    ),
    one_of(
        known("net.bytes_received", "network_bytes_total", NET_BYTES),
        &[("direction", "received")],
    ),
    one_of(
        known("net.packets_sent", "network_packets_total", NET_PACKETS),
        &[("direction", "sent")],
    ),
    one_of(
        known("net.packets_received", "network_packets_total", NET_PACKETS),
        &[("direction", "received")],
    ),
    known("net.active_flows", "active_flows", "Flows with a packet of late."),
    labelled(
        known("dns.queries", "dns_queries_total", "DNS queries sent."),
        &["qtype"],
    ),
    labelled(
        known("dns.responses", "dns_responses_total", "DNS replies received."),
        &["rcode"],
    ),
    labelled(
        known(
            "dns.malformed",
            "dns_malformed_total",
            "DNS messages that break RFC 1035.",
        ),
        &["reason"],
    ),
    labelled(known("syscall.calls", "syscalls_total", "System calls."), &["syscall"]),
    labelled(
        known("syscall.errors", "syscall_errors_total", "System calls that failed."),
        &["syscall", "errno"],
    ),
    labelled(
        known("syscall.latency", "syscall_latency_seconds", "Time in system calls."),
        &["syscall"],
    ),
    labelled(
        known(
            "syscall.errno",
            "syscall_resource_errors_total",
            "Calls that failed for want of a resource or peer.",
        ),
        &["syscall", "errno"],
    ),
];
