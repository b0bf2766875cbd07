//! What a signal is called as a metric. A signal that is not listed gets a name made from its own.

use correlator::{Body, Signal};

use super::exposition::Labels;

/// Name (without `tapio_`), help, labels, and what a value is multiplied with to be in base units.
#[derive(Debug, PartialEq)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) labels: Labels,
    pub(crate) scale: f64,
}

/// A signal with a metric name of its own.
#[derive(Clone, Copy)]
struct Known {
    signal: &'static str,
    metric: &'static str,
    help: &'static str,
    scale: f64,
    /// Names for what follows the signal's name after colons.
    labels: &'static [&'static str],
    /// Labels that several signals of one metric differ in.
    fixed: &'static [(&'static str, &'static str)],
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

const CONNECTIONS: &str = "TCP connections by direction and outcome.";
const NET_BYTES: &str = "Bytes of packets at the container's sockets.";
const NET_PACKETS: &str = "Packets at the container's sockets.";
const RESETS: &str = "TCP resets, by direction.";
const MEMORY_PRESSURE: &str = "Time in which some or all tasks waited for memory (PSI).";
const IO_PRESSURE: &str = "Time in which some or all tasks waited for a device (PSI).";

const KNOWN: &[Known] = &[
    known("memory.usage", "memory_usage_bytes", "Memory charged to the cgroup."),
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

/// What a span signal is called: how many ended how, and how long those took that went well.
pub(crate) struct SpanDescription {
    pub(crate) total: String,
    pub(crate) latency: String,
    pub(crate) help: String,
    pub(crate) labels: Labels,
}

/// The description of a span signal.
pub(crate) fn describe_span(signal: &Signal) -> SpanDescription {
    let (total, latency, help) = match signal.name() {
        "tcp.connect" => ("tcp_connections_total", "tcp_connect_latency_seconds", CONNECTIONS),
        "dns.query" => (
            "dns_lookups_total",
            "dns_latency_seconds",
            "DNS queries by outcome; time to the reply.",
        ),
        other => {
            let base = plain(other);
            let (total, latency) = (format!("{base}_total"), format!("{base}_latency_seconds"));
            return SpanDescription {
                total,
                latency,
                help: made_help(other),
                labels: Vec::new(),
            };
        }
    };
    let outbound = (total == "tcp_connections_total").then(|| ("direction", "outbound".to_owned()));
    SpanDescription {
        total: total.to_owned(),
        latency: latency.to_owned(),
        help: help.to_owned(),
        labels: outbound.into_iter().collect(),
    }
}

/// The description of any other signal with such a body.
pub(crate) fn describe(signal: &Signal, body: &Body) -> Description {
    let mut parts = signal.name().split(':');
    let base = parts.next().unwrap_or_default();
    let Some(known) = KNOWN.iter().find(|known| known.signal == base) else {
        let labels = ["kind", "detail"].into_iter().zip(parts).map(own).collect();
        return Description {
            name: made_name(base, body),
            help: made_help(base),
            labels,
            scale: 1.0,
        };
    };
    let given = known.labels.iter().copied().zip(parts);
    Description {
        name: known.metric.to_owned(),
        help: known.help.to_owned(),
        labels: given.chain(known.fixed.iter().copied()).map(own).collect(),
        scale: known.scale,
    }
}

fn own((name, value): (&'static str, &str)) -> (&'static str, String) {
    (name, value.to_owned())
}

fn made_name(base: &str, body: &Body) -> String {
    let plain = plain(base);
    match body {
        Body::Count(_) | Body::Fact(_) => format!("{plain}_total"),
        Body::Histogram(_) => format!("{plain}_seconds"),
        Body::Gauge(_) | Body::Span { .. } => plain,
    }
}

fn made_help(base: &str) -> String {
    format!("Signal {}.", base.escape_default())
}

fn plain(base: &str) -> String {
    base.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_signal_gets_a_valid_name_of_its_own() {
        let made = describe(&Signal::new("fs.slow-reads"), &Body::Count(1));
        assert_eq!(made.name, "fs_slow_reads_total");
    }

    #[test]
    fn known_signals_are_in_base_units() {
        let made = describe(&correlator::signals::CPU_USAGE, &Body::Count(1));
        assert_eq!((made.name.as_str(), made.scale), ("cpu_usage_seconds_total", 1e-9));
    }

    #[test]
    fn what_follows_a_colon_is_a_label() {
        let made = describe(&Signal::new("syscall.errors:openat:ENOENT"), &Body::Count(1));
        assert_eq!(made.name, "syscall_errors_total");
        assert_eq!(
            made.labels,
            [("syscall", "openat".to_owned()), ("errno", "ENOENT".to_owned())]
        );
    }

    #[test]
    fn directions_of_one_metric_differ_in_a_label() {
        let made = describe(&Signal::new("net.bytes_sent"), &Body::Count(1));
        assert_eq!(
            (made.name.as_str(), made.labels),
            ("network_bytes_total", vec![("direction", "sent".to_owned())])
        );
    }
}
