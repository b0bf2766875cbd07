//! Events become metrics: named when their owner is, in base units, and accounted for.

use correlator::{Histogram, Outcome, PodIdentity, Signal, Subject};
use fixtures::events;

use super::catalogue::{FED, Kind, OWN, SPANNED};
use super::*;

/// An engine and metrics that see the same.
struct Run {
    engine: Engine,
    metrics: Metrics,
}

impl Run {
    fn new() -> Self {
        Self {
            engine: Engine::new(Vec::new(), 1),
            metrics: Metrics::default(),
        }
    }

    fn see(&mut self, event: Event) {
        self.metrics.event(&event);
        self.engine.push(event);
    }

    fn tick(&mut self, second: u64) {
        let now = Timestamp::from_secs(second);
        self.engine.advance(now);
        self.metrics.tick(&self.engine, now, Duration::from_millis(1));
    }

    fn sample(&mut self, start: &str) -> Vec<String> {
        let text = self.metrics.render(&self.engine, Format::Text, None);
        let lines = text.lines().filter(|line| line.starts_with(start));
        lines.map(str::to_owned).collect()
    }
}

fn event(id: &str, signal: Signal, body: Body) -> Event {
    let identity = PodIdentity {
        uid: "uid-web-0".into(),
        container_id: Some(id.into()),
        ..PodIdentity::default()
    };
    Event {
        at: Timestamp::from_secs(10),
        subject: Subject::Container(Arc::new(identity)),
        signal,
        body,
    }
}

#[test]
fn a_known_signal_is_in_base_units_with_its_labels() {
    let mut run = Run::new();
    run.see(event("1", correlator::signals::CPU_USAGE, Body::Count(1_500_000_000)));
    let errors = Signal::new("syscall.errors:openat:ENOENT");
    run.see(event("1", errors, Body::Count(3)));
    let waits = Histogram {
        counts: vec![0, 0, 7],
        sum_ns: 40,
    };
    run.see(event("1", Signal::new("cpu.runqueue_wait"), Body::Histogram(waits)));
    let of = r#"{pod="uid-web-0",container="1"}"#;
    assert_eq!(
        run.sample("tapio_cpu_usage"),
        [format!("tapio_cpu_usage_seconds_total{of} 1.5")]
    );
    assert_eq!(
        run.sample("tapio_syscall_errors"),
        [r#"tapio_syscall_errors_total{pod="uid-web-0",container="1",syscall="openat",errno="ENOENT"} 3"#]
    );
    assert_eq!(
        run.sample("tapio_cpu_runqueue_latency_seconds_count"),
        [format!("tapio_cpu_runqueue_latency_seconds_count{of} 7")]
    );
    assert_eq!(
        run.sample("tapio_events_total{source=\"cgroup\""),
        [r#"tapio_events_total{source="cgroup",signal="cpu.usage"} 1"#]
    );
}

#[test]
fn spans_are_counted_by_outcome_and_timed_where_they_were_answered() {
    let mut run = Run::new();
    let query = |outcome| Body::Span {
        took: Duration::from_millis(3),
        outcome,
        peer: None,
    };
    for outcome in [Outcome::Ok, Outcome::NameMissing, Outcome::TimedOut] {
        run.see(event("1", Signal::new("dns.query"), query(outcome)));
    }
    let lookups = run.sample("tapio_dns_lookups_total");
    assert_eq!(lookups.len(), 3, "{lookups:?}");
    let timed = run.sample("tapio_dns_latency_seconds_count");
    assert!(timed[0].ends_with("} 2"), "{timed:?}");
    assert!(run.sample("tapio_dns_latency_seconds_bucket")[5].ends_with(r#"le="0.005"} 2"#));
}

#[test]
fn a_signal_that_no_table_names_gets_a_metric_of_its_own() {
    let mut run = Run::new();
    run.see(event("1", Signal::new("fs.Slow-reads:ext4"), Body::Count(2)));
    run.see(event("1", Signal::new("fs.Slow-reads"), Body::Gauge(2.0)));
    assert_eq!(
        run.sample("tapio_fs"),
        [r#"tapio_fs_slow_reads_total{pod="uid-web-0",container="1",kind="ext4"} 2"#]
    );
    assert_eq!(
        run.sample("tapio_series_dropped_total{bound=\"names\"}"),
        [r#"tapio_series_dropped_total{bound="names"} 1"#]
    );
}

#[test]
fn runs_of_a_container_become_one_series_when_the_api_server_names_them_and_it_never_falls() {
    let mut run = Run::new();
    let uses = |id: &str| event(id, correlator::signals::CPU_USAGE, Body::Count(1_000_000_000));
    run.see(uses("run-1"));
    run.see(uses("run-2"));
    assert_eq!(run.sample("tapio_cpu_usage").len(), 2);
    for id in ["run-1", "run-2"] {
        let pod = events::pod("shop", "web-0")
            .container("web")
            .id(id)
            .running(Timestamp::from_secs(10));
        run.see(events::pod_state(Timestamp::from_secs(11), &pod));
        run.tick(12);
    }
    run.see(uses("run-1"));
    run.see(uses("run-2"));
    let usage = run.sample("tapio_cpu_usage");
    assert_eq!(usage.len(), 1, "{usage:?}");
    assert!(
        usage[0].contains(r#"pod="web-0",container="web""#) && usage[0].ends_with("} 4"),
        "{usage:?}"
    );
}

#[test]
fn signals_without_end_are_bounded_and_still_counted() {
    let mut run = Run::new();
    for number in 0..20_000 {
        let signal = Signal::named(format!("syscall.calls:call{number}"));
        run.see(event("1", signal, Body::Count(1)));
    }
    let calls = run.sample("tapio_syscalls_total");
    let total: u64 = calls
        .iter()
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum();
    assert_eq!(total, 20_000);
    assert!(calls.len() <= limits::MAX_OF_POD + 1, "{}", calls.len());
    let all = r#"tapio_events_total{source="ebpf",signal="syscall.calls"} 20000"#;
    assert_eq!(run.sample("tapio_events_total"), [all]);
}

#[test]
fn what_the_kernel_counted_is_merged_to_the_bounds_that_are_chosen() {
    let mut run = Run::new();
    let chosen = vec![(Bounds::RunQueue, vec![0.000_002_048, 0.001_048_576])];
    run.metrics
        .configure(&Arc::default(), Limits::default(), &Buckets::new(chosen));
    let mut counts = vec![0; 39];
    (counts[10], counts[11], counts[19], counts[20], counts[38]) = (1, 2, 4, 8, 16);
    let waits = Histogram { counts, sum_ns: 9 };
    run.see(event("1", Signal::new("cpu.runqueue_wait"), Body::Histogram(waits)));
    let lines = run.sample("tapio_cpu_runqueue_latency_seconds_");
    let shown: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.split_once("le=\""))
        .map(|(_, rest)| rest)
        .collect();
    assert_eq!(shown, ["0.000002048\"} 1", "0.001048576\"} 7", "+Inf\"} 31"]);
    assert!(
        lines
            .iter()
            .any(|line| line.contains("_count{") && line.ends_with(" 31")),
        "{lines:?}"
    );
}

#[test]
fn domains_come_and_go_for_months_and_other_signals_keep_their_labels() {
    let mut run = Run::new();
    run.metrics = Metrics::live(vitals());
    let (mut second, domains) = (10, correlator::signals::DNS_QUERIES_BY_DOMAIN);
    let asks = |run: &mut Run, second: u64, signal| {
        let mut asked = event("1", signal, Body::Count(1));
        asked.at = Timestamp::from_secs(second);
        run.metrics.event(&asked);
        run.metrics.tick(&run.engine, asked.at, Duration::ZERO);
    };
    for number in 0..10_000 {
        asks(&mut run, second, domains.labelled(&format!("d{number}.com")));
        second += 100;
    }
    asks(&mut run, second, Signal::new("syscall.calls:read"));
    assert_eq!(
        run.sample("tapio_syscalls_total"),
        [r#"tapio_syscalls_total{pod="uid-web-0",container="1",syscall="read"} 1"#]
    );
    let asked = run.sample("tapio_dns_queries_by_domain_total");
    assert!(asked.len() < 50 && asked[0].contains(r#"domain="d99"#), "{asked:?}");
    assert_eq!(
        run.sample("tapio_series_dropped_total{bound=\"names\"}"),
        [r#"tapio_series_dropped_total{bound="names"} 0"#]
    );
}

#[test]
fn what_could_not_be_read_is_counted_by_source_beside_all_that_was_lost() {
    let mut run = Run::new();
    for reason in ["malformed record: wrong length", "ring full"] {
        run.see(events::lost(Timestamp::from_secs(1), "ebpf/dns", reason, 2));
    }
    assert_eq!(
        run.sample("tapio_events_malformed_total"),
        [r#"tapio_events_malformed_total{source="ebpf/dns"} 2"#]
    );
    assert_eq!(run.sample("tapio_events_dropped_total{source=\"ebpf/dns\"").len(), 2);
}

#[test]
fn the_catalogue_names_metrics_as_the_field_does() {
    let fed = FED.iter().map(|fed| (format!("tapio_{}", fed.metric), fed.kind));
    let own = OWN.iter().map(|own| (own.name.to_owned(), own.kind));
    let spans = SPANNED
        .iter()
        .map(|spanned| (format!("tapio_{}", spanned.latency), Kind::Histogram(Bounds::Latency)));
    for (name, kind) in fed.chain(own).chain(spans) {
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        for reserved in ["_total", "_info", "_created", "_count", "_sum", "_bucket"] {
            assert!(!name.ends_with(reserved), "{name}");
        }
        if matches!(kind, Kind::Histogram(_)) {
            assert!(name.ends_with("_seconds"), "{name}");
        }
    }
    for fed in FED {
        assert!(fed.help.ends_with('.'), "{}", fed.metric);
        let same = FED.iter().filter(|other| other.metric == fed.metric);
        assert!(
            same.clone()
                .all(|other| (other.kind, other.help, other.unit) == (fed.kind, fed.help, fed.unit))
        );
    }
}

fn vitals() -> Vitals {
    Vitals {
        health: sniffers::Health::default(),
        pods: Arc::new(pidmap::PidMap::new(
            pidmap::Roots {
                proc: "/nonexistent".into(),
                cgroup: "/nonexistent".into(),
            },
            1 << 20,
        )),
        started: Timestamp::from_secs(7),
        sinks: vec![Arc::new(crate::metrics::standing::Standing::new("webhook"))],
        reloads: Arc::default(),
    }
}

#[test]
fn tapio_says_of_itself_what_the_catalogue_promises() {
    let mut run = Run::new();
    run.metrics = Metrics::live(vitals());
    run.see(events::sighted(Timestamp::from_secs(1), "cgroup"));
    run.tick(2);
    let text = run.metrics.render(&run.engine, Format::Text, None);
    // What there can only be with sniffers at work, or with insights and forecasts.
    let absent = [
        "probe",
        "ring_buffer",
        "tapio_insight",
        "_oom_",
        "_brier",
        "_error",
        "_malformed",
    ];
    for own in OWN
        .iter()
        .filter(|own| !absent.iter().any(|part| own.name.contains(part)))
    {
        let line = text.lines().find(|line| line.starts_with(own.name));
        let line = line.unwrap_or_else(|| panic!("no {} in {text}", own.name));
        for label in own.labels {
            assert!(line.contains(&format!("{label}=\"")), "{line} without {label}");
        }
    }
    assert!(text.contains("process_start_time_seconds 7\n"));
}
