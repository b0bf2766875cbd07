//! Which value wins, and what a running process takes over.

use correlator::LabelSelector;
use correlator::selector::{Operator, Requirement};

use super::*;
use crate::args::{Arguments, Command};

/// The settings of a command line with a file of this text.
fn settings(line: &[&str], text: &str) -> Settings {
    let matches = Arguments::command().try_get_matches_from(line).expect("a good line");
    let arguments = Arguments::from_arg_matches(&matches).expect("arguments");
    let (_, own) = matches.subcommand().expect("a command");
    let sniff = match &arguments.command {
        Command::Sniff(sniff) => sniff,
        Command::Agent(agent) => &agent.sniff,
        other => panic!("{other:?}"),
    };
    let said = read::parse(text).expect("a good file");
    Loader::new(sniff, own).settle(said).expect("settings")
}

#[test]
fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
    let line = |flags: &[&'static str]| [&["tapio", "sniff"], flags].concat();
    let batch = |flags: &[&'static str], text: &str| settings(&line(flags), text).config.limits.batch_size;
    assert_eq!(batch(&[], ""), 100);
    assert_eq!(batch(&[], "limits: {batchSize: 7}"), 7);
    assert_eq!(batch(&["--batch-size", "9"], "limits: {batchSize: 7}"), 9);
    assert_eq!(
        batch(&["--batch-size", "100"], "limits: {batchSize: 7}"),
        100,
        "given, though it is the default"
    );
}

#[test]
fn the_agents_own_default_gives_way_to_the_file() {
    let listen = |text: &str| settings(&["tapio", "agent"], text).config.http.listen;
    assert_eq!(listen("").as_deref(), Some(":9464"));
    assert_eq!(listen("http: {listen: '127.0.0.1:1'}").as_deref(), Some("127.0.0.1:1"));
    assert_eq!(listen("http: {listen: null}"), None);
    assert_eq!(settings(&["tapio", "sniff"], "").config.http.listen, None);
}

#[test]
fn a_profile_that_is_given_sets_the_files_probes_aside() {
    let text = "profile: custom\nprobes: {dns: true}";
    let with = |flags: &[&'static str]| {
        let config = settings(&[&["tapio", "sniff"], flags].concat(), text).config;
        (config.profile, config.probes.keys().cloned().collect::<Vec<_>>())
    };
    assert_eq!(with(&[]), (Profile::Custom, vec!["dns".to_owned()]));
    assert_eq!(with(&["--profile", "minimal"]), (Profile::Minimal, vec![]));
    assert_eq!(
        with(&["--probe", "memory"]),
        (Profile::Custom, vec!["memory".to_owned()])
    );
}

#[test]
fn the_namespace_of_the_command_line_is_a_filter() {
    let namespaces = |flags: &[&'static str]| {
        let line = [&["tapio", "sniff"], flags].concat();
        settings(&line, "filters: {namespaces: [pay]}")
            .config
            .filters
            .namespaces
    };
    assert_eq!(namespaces(&[]), ["pay"]);
    assert_eq!(namespaces(&["-n", "shop"]), ["shop"]);
    assert!(namespaces(&["-A"]).is_empty());
}

#[test]
fn a_running_process_takes_over_filters_insights_thresholds_and_series_and_names_the_rest() {
    let line = ["tapio", "sniff"];
    let mut running = settings(&line, "profile: minimal\nfilters: {namespaces: [shop]}");
    let newer = settings(
        &line,
        "profile: standard\nintervals: {cgroup: 2s}\nfilters: {namespaces: [pay]}\n\
         insights: {io-stalled: critical}\nthresholds: {io-stalled: {stalledRatio: 0.3}}\n\
         limits: {seriesPerPod: 50, seriesIdle: 1h, batchSize: 5}",
    );
    let rest = running.take_over(&newer);
    assert_eq!(rest, ["intervals.cgroup", "limits.batchSize", "profile"]);
    assert_eq!(
        (&running.thresholds, &running.wanted),
        (&newer.thresholds, &newer.wanted)
    );
    assert_eq!(running.wanted.least("io-stalled"), Some(correlator::Severity::Critical));
    assert_eq!(
        (&running.filter, running.config.limits.series_per_pod),
        (&newer.filter, 50)
    );
    assert_eq!(running.series_limits(), newer.series_limits());
    assert_eq!(
        (running.config.profile, running.config.limits.batch_size),
        (Profile::Minimal, 100)
    );
    let mut rest = running.take_over(&newer);
    rest.sort();
    assert_eq!(
        rest,
        ["intervals.cgroup", "limits.batchSize", "profile"],
        "they still wait"
    );
}

#[test]
fn a_flag_overrules_the_address_of_a_sink_and_nothing_else() {
    let line = ["tapio", "sniff", "--webhook", "http://b/x", "--otlp", "http://c:4318"];
    let sinks = settings(&line, "sinks: {webhook: {url: 'http://a', secretFile: s}}")
        .config
        .sinks;
    let webhook = sinks.webhook.expect("a webhook");
    assert_eq!(webhook.url.expect("an address").to_string(), "http://b/x");
    assert_eq!(webhook.secret_file, Some("s".into()));
    assert_eq!(sinks.alertmanager, None);
    let usual = sinks::Otlp::default();
    let otlp = sinks.otlp.expect("a collector");
    assert_eq!((otlp.interval, otlp.queue), (usual.interval, usual.queue));
}

#[test]
fn a_sink_that_is_new_waits_for_a_restart_under_its_own_name() {
    let line = ["tapio", "sniff"];
    let mut running = settings(&line, "");
    let newer = settings(&line, "sinks: {webhook: {url: 'http://a'}, cluster: west}");
    assert_eq!(running.take_over(&newer), ["sinks.cluster", "sinks.webhook"]);
}

#[test]
fn the_file_is_the_one_that_is_named_or_the_default_where_it_exists() {
    let folder = tempfile::tempdir().expect("a folder");
    let default = folder.path().join("tapio.yaml");
    assert_eq!(read::place(None, &default), None);
    std::fs::write(&default, "").expect("written");
    assert_eq!(read::place(None, &default), Some(default.clone()));
    assert_eq!(read::place(Some(Path::new("other")), &default), Some("other".into()));
}

#[test]
fn a_selector_is_written_as_kubernetes_objects_write_it() {
    let filter = |text: &str| read::parse(text).map(|said| said.config.filters.filter());
    let text = "filters: {labelSelector: {matchLabels: {app: cart}, matchExpressions: [{key: tier, operator: NotIn, values: [a]}]}}";
    let selector = LabelSelector {
        labels: [("app".into(), "cart".into())].into(),
        requirements: vec![Requirement {
            key: "tier".into(),
            operator: Operator::NotIn,
            values: vec!["a".into()],
        }],
    };
    let wanted = Filter::new(BTreeSet::new(), BTreeSet::new(), selector);
    assert_eq!(filter(text), Ok(Ok(wanted)));
    let wrong = filter("filters: {labelSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}");
    assert!(wrong.unwrap_err().contains("Exists of the label \"a\" takes no values"));
}
