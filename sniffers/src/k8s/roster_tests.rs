//! Who owns a pod, in whatever order that is told.

use super::*;

fn by(kind: &str, name: &str) -> Controller {
    Controller {
        kind: kind.into(),
        name: name.into(),
        uid: format!("{kind}-{name}").into(),
    }
}

fn pod_of(uid: &str, phase: &str, controller: Option<Controller>) -> Sighting {
    Sighting {
        identity: PodIdentity {
            uid: uid.into(),
            ..PodIdentity::default()
        },
        aliases: vec![format!("static-{uid}").into()],
        controller,
        state: PodState {
            phase: phase.into(),
            ..PodState::default()
        },
    }
}

fn pod(uid: &str, phase: &str) -> Sighting {
    pod_of(uid, phase, Some(by("ReplicaSet", "web-7d")))
}

const SET: &str = "ReplicaSet-web-7d";

#[test]
fn a_pod_that_did_not_change_is_no_news() {
    let mut roster = Roster::default();
    assert!(roster.learn_pod(pod("u", "Pending")).is_some());
    assert_eq!(roster.learn_pod(pod("u", "Pending")), None);
    assert!(roster.learn_pod(pod("u", "Running")).is_some());
}

#[test]
fn a_set_that_comes_late_upgrades_its_pods_once() {
    let mut roster = Roster::default();
    let first = roster.learn_pod(pod("u", "Running")).unwrap();
    assert_eq!(first.identity.owner, Some(by("ReplicaSet", "web-7d").owner()));
    let upgraded = roster.learn_set(&SET.into(), Some(by("Deployment", "web")));
    assert_eq!(upgraded[0].identity.owner, Some(by("Deployment", "web").owner()));
    assert_eq!(&*upgraded[0].state.phase, "Running");
    assert!(roster.learn_set(&SET.into(), Some(by("Deployment", "web"))).is_empty());
    assert_eq!(roster.learn_pod(pod("u", "Running")), None);
}

#[test]
fn a_set_that_changes_hands_is_seen_with_the_next_word_of_the_pod() {
    let mut roster = Roster::default();
    roster.learn_set(&SET.into(), Some(by("Deployment", "web")));
    roster.learn_pod(pod("u", "Running"));
    assert!(roster.learn_set(&SET.into(), Some(by("Rollout", "web"))).is_empty());
    let again = roster.learn_pod(pod("u", "Running")).unwrap();
    assert_eq!(again.identity.owner, Some(by("Rollout", "web").owner()));
}

#[test]
fn the_owner_is_the_top_of_the_chain_whatever_its_kind() {
    let cases = [
        (
            Some(by("ReplicaSet", "a")),
            Some(by("Deployment", "web")),
            Some(by("Deployment", "web").owner()),
        ),
        (
            Some(by("ReplicaSet", "b")),
            Some(by("Rollout", "web")),
            Some(by("Rollout", "web").owner()),
        ),
        (Some(by("ReplicaSet", "c")), None, Some(by("ReplicaSet", "c").owner())),
        (
            Some(by("Job", "d")),
            Some(by("CronJob", "nightly")),
            Some(by("CronJob", "nightly").owner()),
        ),
        (Some(by("Job", "e")), None, Some(by("Job", "e").owner())),
        (
            Some(by("StatefulSet", "db")),
            Some(by("Postgres", "db")),
            Some(by("StatefulSet", "db").owner()),
        ),
        (
            Some(by("DaemonSet", "agent")),
            None,
            Some(by("DaemonSet", "agent").owner()),
        ),
        (Some(by("Workflow", "etl")), None, Some(by("Workflow", "etl").owner())),
    ];
    for (direct, above, expected) in cases {
        let mut roster = Roster::default();
        roster.learn_set(&direct.as_ref().unwrap().uid, above);
        let told = roster.learn_pod(pod_of("u", "Running", direct)).unwrap();
        assert_eq!(told.identity.owner, expected);
    }
    let bare = Roster::default().learn_pod(pod_of("u", "Running", None)).unwrap();
    assert_eq!(bare.identity.owner, None);
}

#[test]
fn a_pod_keeps_its_deployment_when_the_set_is_gone() {
    let mut roster = Roster::default();
    roster.learn_set(&SET.into(), Some(by("Deployment", "web")));
    roster.learn_pod(pod("u", "Running"));
    assert_eq!(roster.forget_set(SET), Some(by("Deployment", "web")));
    let ended = roster.learn_pod(pod("u", "Failed")).unwrap();
    assert_eq!(ended.identity.owner, Some(by("Deployment", "web").owner()));
}

#[test]
fn a_state_is_kept_only_while_the_owner_is_not_known() {
    let mut roster = Roster::default();
    roster.learn_pod(pod("u", "Running"));
    assert!(roster.pods["u"].waiting.is_some());
    roster.learn_set(&SET.into(), None);
    assert!(roster.pods["u"].waiting.is_none());
    roster.learn_pod(pod("v", "Running"));
    assert!(roster.pods["v"].waiting.is_none());
}

#[test]
fn a_static_pod_is_found_by_both_uids_until_it_is_forgotten() {
    let mut roster = Roster::default();
    roster.learn_pod(pod("u", "Running"));
    assert_eq!(roster.identity("static-u").unwrap().uid, "u".into());
    let gone = roster.forget_pod("u").unwrap();
    assert_eq!(gone.uids().map(|uid| &**uid).collect::<Vec<_>>(), ["u", "static-u"]);
    assert_eq!((roster.identity("u"), roster.identity("static-u")), (None, None));
    assert!(roster.members.is_empty() && roster.aliases.is_empty());
}
