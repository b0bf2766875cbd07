//! What a signal is called as a metric. A signal that is not listed gets a name made from its own.

use correlator::{Body, Signal, signals};

/// Name (without `tapio_`), help, and what a value is multiplied with to be in base units.
#[derive(Debug, PartialEq)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) scale: f64,
}

const NANOS: f64 = 1e-9;

const KNOWN: &[(&str, &str, &str, f64)] = &[
    (
        "memory.usage",
        "memory_usage_bytes",
        "Memory charged to the cgroup.",
        1.0,
    ),
    (
        "memory.unreclaimable",
        "memory_unreclaimable_bytes",
        "Charged memory that reclaim cannot free.",
        1.0,
    ),
    (
        "memory.cache",
        "memory_cache_bytes",
        "File pages and reclaimable slab.",
        1.0,
    ),
    (
        "memory.limit",
        "memory_limit_bytes",
        "The lowest memory limit that holds.",
        1.0,
    ),
    (
        "memory.rss",
        "memory_rss_bytes",
        "Resident memory of the processes, sampled in the kernel.",
        1.0,
    ),
    (
        "memory.oom_kill",
        "memory_oom_kills_total",
        "OOM victims named by the kernel.",
        1.0,
    ),
    (
        "memory.oom_kills",
        "memory_cgroup_oom_kills_total",
        "OOM kills counted by the cgroup files.",
        1.0,
    ),
    ("cpu.usage", "cpu_usage_seconds_total", "CPU time used.", NANOS),
    (
        "cpu.throttled",
        "cpu_throttled_seconds_total",
        "Time in which the CPU quota was used up.",
        NANOS,
    ),
    (
        "cpu.throttled_periods",
        "cpu_throttled_periods_total",
        "Periods in which the CPU quota was used up.",
        1.0,
    ),
    (
        "memory.pressure_some",
        "memory_pressure_some_seconds_total",
        "Time in which at least one task waited for memory.",
        NANOS,
    ),
    (
        "memory.pressure_full",
        "memory_pressure_full_seconds_total",
        "Time in which all tasks waited for memory.",
        NANOS,
    ),
    (
        "cpu.pressure_some",
        "cpu_pressure_some_seconds_total",
        "Time in which at least one task waited for a CPU.",
        NANOS,
    ),
    (
        "io.pressure_some",
        "io_pressure_some_seconds_total",
        "Time in which at least one task waited for a disk.",
        NANOS,
    ),
    (
        "io.pressure_full",
        "io_pressure_full_seconds_total",
        "Time in which all tasks waited for a disk.",
        NANOS,
    ),
    ("pids.current", "processes", "Processes and threads.", 1.0),
    (
        "pids.max",
        "processes_limit",
        "The lowest limit of processes and threads that holds.",
        1.0,
    ),
    ("process.exec", "process_execs_total", "Programs started.", 1.0),
    ("process.exit", "process_exits_total", "Processes ended.", 1.0),
];

/// Names and help of a span signal: how many ended how, and how long those took that went well.
pub(crate) fn describe_span(signal: &Signal) -> (String, String, String) {
    if *signal == signals::TCP_CONNECT {
        let help = "TCP connects by outcome; latency from SYN_SENT to ESTABLISHED.";
        return (
            "tcp_connections_total".to_owned(),
            "tcp_connect_latency_seconds".to_owned(),
            help.to_owned(),
        );
    }
    let base = plain(signal);
    (
        format!("{base}_total"),
        format!("{base}_latency_seconds"),
        format!("Signal {}.", signal.name().escape_default()),
    )
}

/// The description of any other signal with such a body.
pub(crate) fn describe(signal: &Signal, body: &Body) -> Description {
    let known = KNOWN.iter().find(|(known, ..)| *known == signal.name());
    if let Some((_, name, help, scale)) = known {
        return Description {
            name: (*name).to_owned(),
            help: (*help).to_owned(),
            scale: *scale,
        };
    }
    let base = plain(signal);
    let name = match body {
        Body::Count(_) | Body::Fact(_) => format!("{base}_total"),
        Body::Gauge(_) | Body::Span { .. } | Body::Histogram(_) => base,
    };
    Description {
        name,
        help: format!("Signal {}.", signal.name().escape_default()),
        scale: 1.0,
    }
}

fn plain(signal: &Signal) -> String {
    signal
        .name()
        .chars()
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
}
