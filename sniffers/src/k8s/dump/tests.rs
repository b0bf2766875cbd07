//! Dumps of every form, and what is wrong with those that are none.

use correlator::{Body, Fact, Subject};

use super::{Dump, DumpError, read};

const POD: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"cart-1","namespace":"shop","uid":"u-1",
    "creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"nodeName":"n1","containers":[{"name":"app"}]},
    "status":{"phase":"Running"}}"#;

fn one(text: &str) -> Result<Dump, DumpError> {
    read([("dump", text)])
}

fn wrong(text: &str) -> String {
    one(text).map(|dump| dump.read).unwrap_err().to_string()
}

/// The pods that were told.
fn pods(dump: &Dump) -> Vec<String> {
    let pod = |event: &correlator::Event| match (&event.body, &event.subject) {
        (Body::Fact(Fact::Pod(_)), Subject::Pod(_)) => Some(event.subject.to_string()),
        _ => None,
    };
    dump.events.iter().filter_map(pod).collect()
}

#[test]
fn an_object_a_list_a_typed_list_and_several_documents_are_read() {
    let untyped = POD.replace(r#""apiVersion":"v1","kind":"Pod","#, "");
    let yaml = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: cart-1\n  namespace: shop\n  uid: u-1\n  \
                creationTimestamp: \"2026-01-01T00:00:00Z\"\n";
    let texts = [
        POD.to_owned(),
        format!(r#"{{"apiVersion":"v1","kind":"List","items":[{POD}]}}"#),
        format!(r#"{{"apiVersion":"v1","kind":"PodList","items":[{untyped}]}}"#),
        format!("{POD}\n{}", POD.replace("Pod\"", "Secret\"")),
        yaml.to_owned(),
        format!("---\n{yaml}---\n---\nkind: Secret\napiVersion: v1\n"),
        format!(
            "\u{feff}apiVersion: v1\nkind: List\nitems:\n- {}",
            yaml.trim_end().replace('\n', "\n  ")
        ),
    ];
    for text in texts {
        let dump = one(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(pods(&dump), ["shop/cart-1"], "{text}");
    }
}

#[test]
fn the_newest_time_is_when_it_was_made_and_nothing_is_later() {
    let event = r#"{"apiVersion":"v1","kind":"Event","metadata":{"name":"e","namespace":"shop","uid":"e-1"},
        "involvedObject":{"kind":"Pod","name":"cart-1","namespace":"shop","uid":"u-1"},"type":"Warning","reason":"BackOff",
        "message":"m","count":3,"firstTimestamp":"2026-01-01T00:01:00Z","lastTimestamp":"2026-01-01T00:02:00Z"}"#;
    let timeless = event
        .replace("e-1", "e-2")
        .replace("firstTimestamp", "first")
        .replace("lastTimestamp", "last")
        .replace("BackOff", "Killing");
    let gone = POD.replace(
        "\"creationTimestamp\"",
        "\"deletionTimestamp\":\"2027-01-01T00:00:00Z\",\"creationTimestamp\"",
    );
    let dump = one(&format!("{gone}{event}{timeless}")).unwrap();
    assert_eq!(dump.at.to_string(), "2026-01-01T00:02:00.000Z");
    assert!(dump.events.iter().all(|event| event.at <= dump.at));
    let last = dump
        .events
        .iter()
        .filter(|event| matches!(&event.body, Body::Fact(Fact::Event(_))))
        .count();
    assert_eq!(last, 2);
}

#[test]
fn kinds_that_are_not_watched_are_counted_and_named() {
    let knative = POD.replace(
        "\"v1\",\"kind\":\"Pod\"",
        "\"serving.knative.dev/v1\",\"kind\":\"Service\"",
    );
    let secret = POD.replace("Pod\"", "Secret\"");
    let dump = one(&format!("{POD}{secret}{knative}{secret}")).unwrap();
    let unknown: Vec<_> = dump.unknown.into_iter().collect();
    assert_eq!(
        unknown,
        [("Secret".to_owned(), 2), ("Service.serving.knative.dev".to_owned(), 1)]
    );
    assert_eq!(dump.read.get("Pod"), Some(&1));
    assert!(wrong(&secret).starts_with("the dump holds no object that tapio watches, only Secret;"));
}

#[test]
fn an_object_that_cannot_be_read_is_named_and_the_others_are_read() {
    let bad = POD
        .replace("\"containers\":[{\"name\":\"app\"}]", "\"containers\":7")
        .replace("cart-1", "bad-1");
    let dump = one(&format!("{bad}{POD}")).unwrap();
    assert_eq!(
        (pods(&dump), dump.unreadable_count),
        (vec!["shop/cart-1".to_owned()], 1)
    );
    assert!(
        dump.unreadable[0].starts_with("Pod shop/bad-1: invalid type"),
        "{}",
        dump.unreadable[0]
    );
}

#[test]
fn what_is_missing_is_a_gap() {
    let dump = one(POD).unwrap();
    let gaps: Vec<_> = dump
        .events
        .iter()
        .filter_map(|event| match &event.body {
            Body::Fact(Fact::Blind(gap)) => Some(gap.source.to_string()),
            _ => None,
        })
        .collect();
    assert!(
        gaps.contains(&"k8s/nodes".to_owned()) && !gaps.contains(&"k8s/pods".to_owned()),
        "{gaps:?}"
    );
}

#[test]
fn what_is_no_dump_is_refused_with_what_to_do() {
    let cases = [
        ("", "dump is empty; write it with"),
        (
            "NAME     READY   STATUS\ncart-1   1/1     Running\n",
            "dump is a table that kubectl printed for people",
        ),
        ("LAST SEEN   TYPE   REASON\n", "dump is a table"),
        ("No resources found in default namespace.", "dump is a table"),
        (&POD[..90], "dump ends in the middle (line 1)"),
        (
            "{\"kind\": oops}",
            "dump is not JSON: expected value at line 1 column 10",
        ),
        ("kind: [", "dump is not YAML: "),
        ("hello", "dump holds something without `kind`"),
        ("{\"a\":1}", "dump holds something without `kind`"),
    ];
    for (text, error) in cases {
        assert!(wrong(text).starts_with(error), "{text}: {}", wrong(text));
    }
    let timeless = POD.replace("\"creationTimestamp\":\"2026-01-01T00:00:00Z\"", "\"generation\":1");
    assert!(
        wrong(&timeless).starts_with("the dump holds no time"),
        "{}",
        wrong(&timeless)
    );
}
