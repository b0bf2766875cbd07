//! The rules of the house, read from the workspace itself: who may import whom, what stays pure, how long a file may be,
//! and that generated documents are current (`TAPIO_UPDATE_GOLDEN=1` rewrites them).
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "of the bounds only names and defaults are told")]
#[path = "../src/metrics/bounds.rs"]
mod bounds;
#[path = "../src/metrics/catalogue.rs"]
mod catalogue;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bounds::Bounds;
use catalogue::{FED, Kind, OWN, SPANNED, Unit};

const CRATES: [&str; 7] = [
    "correlator",
    "insights",
    "probes",
    "pidmap",
    "sniffers",
    "cli",
    "fixtures",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All files below a folder of the workspace, without what is built.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources(extensions: &[&str]) -> Vec<PathBuf> {
    let all = CRATES.iter().flat_map(|name| files(&root().join(name)));
    all.filter(|path| {
        path.extension()
            .is_some_and(|e| extensions.iter().any(|wanted| e == *wanted))
    })
    .collect()
}

/// What stands in `[dependencies]` of a crate's manifest.
fn dependencies(of: &str) -> Vec<String> {
    let manifest = fs::read_to_string(root().join(of).join("Cargo.toml")).unwrap();
    let section = manifest
        .split("\n[")
        .find_map(|section| section.strip_prefix("dependencies]"))
        .unwrap()
        .to_owned();
    let name = |line: &str| line.split(['.', ' ', '=']).next().unwrap_or_default().to_owned();
    section
        .lines()
        .map(name)
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .collect()
}

#[test]
fn crates_import_each_other_one_way() {
    let allowed: [(&str, &[&str]); 7] = [
        ("correlator", &[]),
        ("insights", &["correlator"]),
        ("probes", &["correlator"]),
        ("pidmap", &["correlator"]),
        ("fixtures", &["correlator"]),
        ("sniffers", &["correlator", "pidmap", "probes"]),
        ("cli", &["correlator", "insights", "pidmap", "probes", "sniffers"]),
    ];
    for (name, may) in allowed {
        for ours in dependencies(name)
            .iter()
            .filter(|dependency| CRATES.contains(&dependency.as_str()))
        {
            assert!(may.contains(&ours.as_str()), "{name} must not import {ours}");
        }
    }
}

#[test]
fn the_core_stays_pure() {
    let pure = [
        "correlator",
        "insights",
        "serde",
        "serde_json",
        "jiff",
        "statrs",
        "strsim",
    ];
    let impure = [
        "std::fs",
        "std::env::",
        "std::thread",
        "std::process",
        "std::net::{Tcp",
        "TcpStream",
        "Instant",
        "SystemTime",
        "Timestamp::now",
        "HashMap",
        "HashSet",
        "println!",
    ];
    for name in ["correlator", "insights"] {
        for dependency in dependencies(name) {
            assert!(
                pure.contains(&dependency.as_str()),
                "{name} must not depend on {dependency}"
            );
        }
        let is_test = |path: &PathBuf| path.file_stem().is_some_and(|stem| stem == "tests");
        for path in files(&root().join(name).join("src"))
            .into_iter()
            .filter(|path| !is_test(path))
        {
            let source = fs::read_to_string(&path).unwrap();
            let code = source.split("#[cfg(test)]").next().unwrap();
            for word in impure {
                assert!(!code.contains(word), "{word} in {}", path.display());
            }
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    for path in sources(&["rs", "c", "h"]) {
        let source = fs::read_to_string(&path).unwrap();
        assert!(source.lines().count() <= 400, "{} has over 400 lines", path.display());
        let opens = if path.extension().is_some_and(|e| e == "rs") {
            "//! "
        } else {
            "/*"
        };
        let first = source
            .lines()
            .find(|line| !line.starts_with("// SPDX"))
            .unwrap_or_default();
        assert!(
            first.starts_with(opens),
            "{} does not say what it is for",
            path.display()
        );
    }
}

#[test]
fn the_catalogue_in_the_docs_is_current() {
    let mut text = String::from(
        "<!-- Generated from insights/src/detectors by `TAPIO_UPDATE_GOLDEN=1 cargo test -p tapio --test house`. -->\n\n\
         What tapio recognises. `tapio explain ID` prints the same text.\n",
    );
    for (id, _) in insights::MANUALS {
        let manual = insights::manual(id).unwrap();
        let (title, rest) = manual.split_once('\n').unwrap();
        let title = title.trim_start_matches("# ");
        text.extend(["\n## `", id, "`: ", title, "\n", rest, "\n"]);
    }
    text += "\n# Not yet\n\n";
    for (id, why) in insights::NOT_YET {
        text.extend(["- `", id, "`: ", why, ".\n"]);
    }
    current("docs/insights.md", &text);
}

#[test]
fn the_probes_in_the_docs_are_current() {
    let mut text = String::from(
        "<!-- Generated from probes/src by `TAPIO_UPDATE_GOLDEN=1 cargo test -p tapio --test house`. -->\n\n\
         What runs in the kernel. `tapio doctor` says which of it works on a machine, [kernels.md](kernels.md) on which kernels\n\
         it was tried.\n",
    );
    for probe in probes::all() {
        let source = fs::read_to_string(root().join("probes/src").join(probe.name).join("mod.rs")).unwrap();
        let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
        let manual: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        let hooks: Vec<String> = probe
            .programs
            .iter()
            .map(|program| format!("`{}`", program.hook))
            .collect();
        let profile = format!("{:?}", probe.profile).to_lowercase();
        let manual = manual.join("\n").replace("[`", "`").replace("`]", "`");
        text.extend([
            "\n## `",
            probe.name,
            "`\n\nProfile: ",
            &profile,
            ". Hooks: ",
            &hooks.join(", "),
            ".\n\n",
            &manual,
            "\n",
        ]);
    }
    current("docs/probes.md", &text);
}

/// A row of the table of metrics.
#[derive(Default)]
struct Row {
    kind: &'static str,
    unit: &'static str,
    labels: Vec<String>,
    sources: Vec<String>,
    help: String,
}

/// What the name of a metric says it is measured in.
fn unit(name: &str) -> &'static str {
    let units = [("seconds", "s"), ("bytes", "B"), ("ratio", "0 to 1")];
    let found = units.iter().find(|(word, _)| name.split('_').any(|part| part == *word));
    found.map_or("", |(_, unit)| unit)
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
        Kind::Info => "info",
    }
}

fn full(name: &str, kind: Kind) -> String {
    match kind {
        Kind::Counter => format!("{name}_total"),
        Kind::Info => format!("{name}_info"),
        Kind::Gauge | Kind::Histogram(_) => name.to_owned(),
    }
}

/// The rows of what containers feed, by name.
fn metrics_of_containers() -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut add = |name: &str, of: Kind, labels: Vec<String>, source: String, help: &str| {
        let row = rows.entry(full(&format!("tapio_{name}"), of)).or_default();
        (row.kind, row.unit, row.help) = (kind(of), unit(name), help.to_owned());
        row.labels.extend(labels);
        row.sources.push(source);
    };
    for fed in FED {
        assert!(fed.unit == Unit::Base || unit(fed.metric) == "s", "{}", fed.metric);
        let given = fed.labels.iter().map(|label| (*label).to_owned());
        let fixed = fed.fixed.iter().map(|(label, _)| (*label).to_owned());
        let source = format!("{} `{}`", fed.source, fed.signal);
        add(fed.metric, fed.kind, given.chain(fixed).collect(), source, fed.help);
    }
    for span in SPANNED {
        let source = format!("{} `{}`", span.source, span.signal);
        let fixed = span.fixed.iter().map(|(label, _)| (*label).to_owned());
        let by = fixed.chain(["outcome".to_owned()]).collect();
        add(span.total, Kind::Counter, by, source.clone(), span.total_help);
        let latency = Kind::Histogram(Bounds::Latency);
        add(span.latency, latency, Vec::new(), source, span.latency_help);
    }
    rows
}

fn metrics_of_tapio() -> BTreeMap<String, Row> {
    let row = |own: &catalogue::Own| Row {
        kind: kind(own.kind),
        unit: unit(own.name),
        labels: own.labels.iter().map(|label| (*label).to_owned()).collect(),
        sources: vec![own.source.to_owned()],
        help: own.help.to_owned(),
    };
    OWN.iter().map(|own| (full(own.name, own.kind), row(own))).collect()
}

fn table(text: &mut String, rows: BTreeMap<String, Row>) {
    text.push_str("| name | type | unit | labels | source | meaning |\n|---|---|---|---|---|---|\n");
    for (name, mut row) in rows {
        let mut once = Vec::new();
        row.labels.retain(|label| {
            !once.contains(label) && {
                once.push(label.clone());
                true
            }
        });
        let (labels, sources) = (row.labels.join(", "), row.sources.join(", "));
        text.extend([
            "| `", &name, "` | ", row.kind, " | ", row.unit, " | ", &labels, " | ", &sources, " | ", &row.help, " |\n",
        ]);
    }
}

/// Which key chooses the buckets of which metrics, and what they are unless chosen.
fn buckets() -> String {
    let mut text = String::from("\n## Buckets\n\n| key | metrics | bounds unless chosen, seconds |\n|---|---|---|\n");
    for bounds in Bounds::CHOSEN {
        let fed = FED
            .iter()
            .filter(|fed| fed.kind == Kind::Histogram(bounds))
            .map(|fed| fed.metric);
        let spans = SPANNED
            .iter()
            .filter(|_| bounds == Bounds::Latency)
            .map(|span| span.latency);
        let metrics: BTreeSet<String> = fed.chain(spans).map(|name| format!("`tapio_{name}`")).collect();
        let metrics: Vec<String> = metrics.into_iter().collect();
        let usual: Vec<String> = bounds.usual().iter().map(ToString::to_string).collect();
        let row = format!(
            "| `buckets.{}` | {} | {} |\n",
            bounds.key().unwrap(),
            metrics.join(", "),
            usual.join(", ")
        );
        text.push_str(&row);
    }
    text
}

#[test]
fn the_metrics_in_the_docs_are_current() {
    let mut text = String::from(
        "<!-- Generated from cli/src/metrics/catalogue.rs by `TAPIO_UPDATE_GOLDEN=1 cargo test -p tapio --test house`. -->\n\n",
    );
    text.push_str(&fs::read_to_string(root().join("cli/src/metrics/manual.md")).unwrap());
    text.push_str("\n## Containers\n\nThese have the labels `namespace`, `pod`, `container` and `node` too.\n\n");
    table(&mut text, metrics_of_containers());
    text.push_str(
        "\n## Insights and tapio itself\n\nThose of a source that is `live` are there in a live run only.\n\n",
    );
    table(&mut text, metrics_of_tapio());
    text.push_str(&buckets());
    current("docs/metrics.md", &text);
}

#[test]
fn the_command_line_in_the_docs_is_current() {
    let mut text = String::from(
        "<!-- Generated from cli/src/args.rs by `TAPIO_UPDATE_GOLDEN=1 cargo test -p tapio --test house`. -->\n\n",
    );
    text.push_str(&fs::read_to_string(root().join("cli/src/args/manual.md")).unwrap());
    let help = |arguments: &[&str]| {
        let mut tapio = std::process::Command::new(env!("CARGO_BIN_EXE_tapio"));
        // What the environment sets is shown in the help.
        let out = tapio.args(arguments).arg("--help").env_clear().output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    let overview = help(&[]);
    let commands = overview
        .split("Commands:\n")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap();
    let names = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    for name in names.filter(|name| !name.is_empty()) {
        let lines: Vec<String> = help(&[name]).lines().map(|line| line.trim_end().to_owned()).collect();
        text.extend([
            "\n## `tapio ",
            name,
            "`\n\n```text\n",
            lines.join("\n").as_str(),
            "\n```\n",
        ]);
    }
    current("docs/cli.md", &text);
}

/// Compares a generated document with what it should be, or writes it.
#[track_caller]
fn current(document: &str, text: &str) {
    let path = root().join(document);
    if std::env::var_os("TAPIO_UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == text,
        "{document} is not current"
    );
}
