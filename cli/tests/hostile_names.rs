//! Names from outside reach the terminal escaped, and a shell only quoted or not at all.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;

use correlator::{Event, OomKill, signals};
use fixtures::events::{Pod, ended, gauge, killed, mib, oom_kill, pod, pod_state, refused, secs};
use serde_json::Value;
use sniffers::recording::{Header, Recorder};

const NASTY: &str = "a\u{1b}[31m\"';$(touch /tmp/tapio-was-here)`id`\u{202e}\n-rf";

/// A pod all of whose free text is hostile, killed and crash-looping, refused by a peer of the same kind.
fn story() -> Vec<Event> {
    let peer = pod("shop", NASTY)
        .uid("uid-peer")
        .container(NASTY)
        .ip([10, 0, 0, 9])
        .running(secs(1));
    let cart: Pod = pod("shop", "cart-1")
        .owner("Deployment", NASTY)
        .container(NASTY)
        .id("c1")
        .running(secs(1));
    let last = correlator::Termination {
        message: NASTY.into(),
        container_id: "c0".into(),
        ..ended(secs(20), 1)
    };
    let mut story = vec![pod_state(secs(1), &peer), pod_state(secs(1), &cart)];
    story.push(gauge(secs(2), &cart.subject(), signals::MEMORY_LIMIT, mib(64) as f64));
    story.push(oom_kill(
        secs(20),
        &cart.subject(),
        OomKill {
            comm: NASTY.into(),
            ..killed(mib(64))
        },
    ));
    story.extend((0..3).map(|n| refused(secs(21 + n), &cart.subject(), "10.0.0.9:5432")));
    story.push(pod_state(
        secs(25),
        &cart.clone().restarts(3).last(last).waiting("CrashLoopBackOff", NASTY),
    ));
    story
}

fn replay(output: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.tapio.zst");
    let mut recorder = Recorder::create(
        &path,
        Header {
            node: NASTY.to_owned(),
            ..Header::default()
        },
    )
    .unwrap();
    for event in story() {
        recorder.event(&event).unwrap();
        recorder.tick(event.at).unwrap();
    }
    recorder.finish().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapio"));
    let out = command
        .args(["sniff", "-o", output, "--replay"])
        .arg(&path)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    assert!(out.status.success());
    let stderr = String::from_utf8(out.stderr).unwrap();
    assert!(!stderr.contains('\u{1b}') && stderr.contains("Insights: 3"), "{stderr}");
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn nothing_hostile_reaches_the_terminal() {
    let text = replay("human");
    assert!(text.contains(r"\u{1b}[31m"), "the name is shown, escaped");
    let control = |c: &char| c.is_control() && *c != '\n' || ('\u{202a}'..='\u{202e}').contains(c);
    assert_eq!(text.chars().find(control), None);
    assert!(
        text.lines().all(|line| !line.starts_with("-rf")),
        "a name cannot start a line of its own"
    );
}

#[test]
fn every_command_parses_and_none_runs_what_a_name_says() {
    let json = replay("json");
    let mut commands = Vec::new();
    for line in json.lines() {
        let insight: Value = serde_json::from_str(line).unwrap();
        let remedies = insight["remedies"].as_array().cloned().unwrap_or_default();
        commands.extend(
            remedies
                .iter()
                .flat_map(|remedy| remedy["commands"].as_array().unwrap().clone()),
        );
    }
    assert!(
        !commands.is_empty(),
        "the pod's own name is good, so there are commands"
    );
    for command in commands.iter().map(|command| command.as_str().unwrap()) {
        let shell = format!("kubectl() {{ printf '%s\\n' \"$@\"; }}; {command}");
        let out = Command::new("sh").arg("-c").arg(&shell).output().unwrap();
        assert!(out.status.success(), "{command}");
        assert!(!command.contains("touch"), "{command}");
    }
    assert!(!std::path::Path::new("/tmp/tapio-was-here").exists());
}

#[test]
fn labels_of_metrics_are_escaped() {
    let text = replay("prometheus");
    let line = text
        .lines()
        .find(|line| line.starts_with("tapio_memory_oom_kills_total{"))
        .unwrap();
    assert!(line.contains(r#"\"';$(touch"#) && line.contains(r"\n-rf"), "{line}");
}
