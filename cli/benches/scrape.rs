//! What a scrape costs: 12,500 series rendered by tapio and by the two clients that Rust programs use, in one run.
//!
//! `cargo bench -p tapio --bench scrape [-- ROUNDS]`. Prints a Markdown table of medians and what they are in relation to
//! tapio's. All three hold the same series: 500 pods with 25 counters and gauges each, and then 500 pods with a histogram. Then
//! what a scrape has made: the same counters out of events, with all that tapio tells of itself.
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![allow(dead_code, unused_imports, reason = "of the module only the rendering is measured")]

#[path = "../src/filter/mod.rs"]
mod filter;
#[path = "../src/metrics/mod.rs"]
mod metrics;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use correlator::{Body, Engine, Event, PodIdentity, Signal, Subject, Timestamp};
use metrics::Metrics;
use metrics::bounds::Bounds;
use metrics::catalogue::Kind;
use metrics::page::{Format, Page};
use metrics::registry::Registry;
use metrics::value::{Latency, Value};
use prometheus_client::encoding::EncodeLabelSet;

const PODS: usize = 500;
const METRICS: usize = 25;
/// What a scrape of 12,500 series may cost.
const BUDGET: Duration = Duration::from_micros(600);

fn main() {
    let rounds = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(100);
    println!("| series | tapio | prometheus | prometheus-client | ratios |\n|---|---|---|---|---|");
    let numbers = compare(
        rounds,
        [
            &mut ours(METRICS, false),
            &mut theirs(METRICS, false),
            &mut clients(METRICS, false),
        ],
    );
    row("12,500 counters", numbers);
    let histograms = compare(
        rounds,
        [&mut ours(1, true), &mut theirs(1, true), &mut clients(1, true)],
    );
    row("500 histograms, 9,500 lines", histograms);
    let whole = median(rounds, &mut scraped());
    println!("\nThe whole text of a scrape takes {whole:.2?}.");
    let verdict = if numbers[0].max(whole) <= BUDGET {
        "inside"
    } else {
        "beyond"
    };
    println!("tapio is {verdict} its budget of {BUDGET:?} for 12,500 series.");
}

type Renders<'a> = &'a mut dyn FnMut() -> String;

/// The medians, with turns taken.
fn compare(rounds: usize, mut renders: [Renders<'_>; 3]) -> [Duration; 3] {
    let lines = renders
        .each_mut()
        .map(|render| render().lines().filter(|line| !line.starts_with('#')).count());
    assert!(
        lines.iter().all(|count| *count == lines[0]),
        "not the same series: {lines:?}"
    );
    let mut took = [const { Vec::new() }; 3];
    for _ in 0..rounds {
        for (render, took) in renders.iter_mut().zip(&mut took) {
            let began = Instant::now();
            black_box(render());
            took.push(began.elapsed());
        }
    }
    took.map(middle)
}

fn median(rounds: usize, render: Renders<'_>) -> Duration {
    let took = (0..rounds).map(|_| {
        let began = Instant::now();
        black_box(render());
        began.elapsed()
    });
    middle(took.collect())
}

fn middle(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took[took.len() / 2]
}

fn row(what: &str, [ours, theirs, clients]: [Duration; 3]) {
    let ratio = |other: Duration| other.as_secs_f64() / ours.as_secs_f64();
    let (one, other) = (ratio(theirs), ratio(clients));
    println!("| {what} | {ours:.2?} | {theirs:.2?} | {clients:.2?} | 1 : {one:.1} : {other:.1} |");
}

fn names(pod: usize) -> [(&'static str, String); 4] {
    [
        ("namespace", format!("team-{}", pod % 20)),
        ("pod", format!("service-{pod}-6d5f7c9b8-x2x4k")),
        ("container", "app".to_owned()),
        ("node", "ip-10-0-12-34.eu-central-1.compute.internal".to_owned()),
    ]
}

fn amount(pod: usize, metric: usize) -> u64 {
    (pod * 7_919 + metric * 104_729) as u64 * 1_000
}

fn identity(pod: usize) -> PodIdentity {
    let [namespace, name, container, node] = names(pod).map(|(_, value)| Arc::from(value));
    PodIdentity {
        uid: format!("uid-{pod}").into(),
        namespace: Some(namespace),
        pod: Some(name),
        container: Some(container),
        container_id: Some(pod.to_string().into()),
        node: Some(node),
        owner: None,
    }
}

/// What the engine's loop does for those who scrape.
fn scraped() -> impl FnMut() -> String {
    let (engine, mut metrics, at) = (Engine::new(Vec::new(), 1), Metrics::default(), Timestamp::from_secs(1));
    for pod in 0..PODS {
        let subject = Subject::Container(Arc::new(identity(pod)));
        for metric in 0..METRICS {
            metrics.event(&Event {
                at,
                subject: subject.clone(),
                signal: Signal::named(format!("bench.metric_{metric}")),
                body: Body::Count(amount(pod, metric)),
            });
        }
    }
    let text = metrics.render(&engine, Format::Text, Some(at));
    let series = text.lines().filter(|line| line.starts_with("tapio_bench")).count();
    assert_eq!(series, PODS * METRICS, "not all series are there");
    move || metrics.render(&engine, Format::Text, Some(at))
}

fn ours(metrics: usize, is_histogram: bool) -> impl FnMut() -> String {
    let mut registry = Registry::default();
    let (now, kind) = (
        Timestamp::from_secs(1),
        if is_histogram {
            Kind::Histogram(Bounds::Latency)
        } else {
            Kind::Counter
        },
    );
    for metric in 0..metrics {
        let family = registry
            .family(&format!("tapio_bench_{metric}"), kind, "A metric.")
            .expect("there is room");
        for pod in 0..PODS {
            let owner = registry
                .owner(&Subject::Container(Arc::new(identity(pod))), now)
                .expect("a container has series");
            registry.value(family, owner, 0, now, |family| {
                if !is_histogram {
                    return Value::Count(amount(pod, metric));
                }
                let mut latency = Latency::new(family.edges().clone());
                for bound in Bounds::Latency.usual() {
                    latency.observe(bound);
                }
                Value::Latency(Box::new(latency))
            });
        }
    }
    let mut room = 0;
    move || {
        let mut page = Page::new(Format::Text, room);
        registry.write(&mut page, None, |_| true);
        let text = page.finish();
        room = text.len();
        text
    }
}

fn theirs(metrics: usize, is_histogram: bool) -> impl FnMut() -> String {
    use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts};
    let registry = prometheus::Registry::new();
    let labels = names(0).map(|(label, _)| label);
    for metric in 0..metrics {
        let name = format!("tapio_bench_{metric}");
        if is_histogram {
            let options = HistogramOpts::new(name, "A metric.").buckets(Bounds::Latency.usual());
            let family = HistogramVec::new(options, &labels).expect("a good name");
            for pod in 0..PODS {
                let values = names(pod).map(|(_, value)| value);
                let histogram = family.with_label_values(&values);
                for bound in Bounds::Latency.usual() {
                    histogram.observe(bound);
                }
            }
            registry.register(Box::new(family)).expect("a new name");
            continue;
        }
        let family = IntCounterVec::new(Opts::new(name + "_total", "A metric."), &labels).expect("a good name");
        for pod in 0..PODS {
            let values = names(pod).map(|(_, value)| value);
            family.with_label_values(&values).inc_by(amount(pod, metric));
        }
        registry.register(Box::new(family)).expect("a new name");
    }
    move || {
        let mut text = String::new();
        let encoder = prometheus::TextEncoder::new();
        encoder
            .encode_utf8(&registry.gather(), &mut text)
            .expect("a String takes all");
        text
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Whose {
    namespace: String,
    pod: String,
    container: String,
    node: String,
}

fn clients(metrics: usize, is_histogram: bool) -> impl FnMut() -> String {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::metrics::histogram::Histogram;
    let whose = |pod| {
        let [namespace, pod, container, node] = names(pod).map(|(_, value)| value);
        Whose {
            namespace,
            pod,
            container,
            node,
        }
    };
    let mut registry = prometheus_client::registry::Registry::default();
    for metric in 0..metrics {
        let name = format!("tapio_bench_{metric}");
        if is_histogram {
            let family = Family::<Whose, Histogram>::new_with_constructor(|| Histogram::new(Bounds::Latency.usual()));
            for pod in 0..PODS {
                let histogram = family.get_or_create(&whose(pod));
                for bound in Bounds::Latency.usual() {
                    histogram.observe(bound);
                }
            }
            registry.register(name, "A metric", family);
            continue;
        }
        let family = Family::<Whose, Counter>::default();
        for pod in 0..PODS {
            family.get_or_create(&whose(pod)).inc_by(amount(pod, metric));
        }
        registry.register(name, "A metric", family);
    }
    move || {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("a String takes all");
        text
    }
}
