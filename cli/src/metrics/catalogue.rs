//! What a signal is called as a metric. A signal that is not listed gets a name made from its own.

mod known;

use correlator::{Body, Signal};

use super::exposition::Labels;
use known::{CONNECTIONS, KNOWN};

/// Name (without `tapio_`), help, labels, and what a value is multiplied with to be in base units.
#[derive(Debug, PartialEq)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) labels: Labels,
    pub(crate) scale: f64,
}

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
    fn a_volume_is_told_by_its_name() {
        let made = describe(
            &correlator::signals::VOLUME_USED_BYTES.labelled("data"),
            &Body::Gauge(1.0),
        );
        assert_eq!(
            (made.name.as_str(), made.labels),
            ("volume_used_bytes", vec![("volume", "data".to_owned())])
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
