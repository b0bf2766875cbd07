//! What changed before trouble began is told with it, and only then is the rollout offered to be taken back.

use std::sync::Arc;

use correlator::object::{Change, Field, Rollout, WorkloadState};
use correlator::{Body, Event, Fact, Insight, ObjectRef, ObjectState, Subject, Timestamp, signals};
use fixtures::events::{Pod, ended, exit, exited, pod, pod_state, secs};

use crate::stage::{only, said};

/// Half an hour in, so that there is a before.
fn at(second: u64) -> Timestamp {
    secs(1_800 + second)
}

fn cart(created: Timestamp) -> (Pod, Event) {
    let pod = pod("shop", "cart-1")
        .owner("Deployment", "cart")
        .container("app")
        .id("c3")
        .restarts(2);
    let pod = pod.running(at(60)).last(ended(at(50), 1));
    let mut state = pod.state();
    state.created = Some(created);
    let told = pod_state(at(60), &pod);
    let told = Event {
        body: Body::Fact(Fact::Pod(Box::new(state))),
        ..told
    };
    (pod, told)
}

fn rolled_out(when: Timestamp) -> Event {
    let change = Change {
        container: "app".into(),
        field: Field::Image,
        before: Some("shop/cart:v1".into()),
        after: Some("shop/cart:v2".into()),
    };
    let rollout = Rollout {
        revision: 4,
        previous: 3,
        at: Some(when),
        changes: vec![change],
    };
    let state = WorkloadState {
        rollout: Some(rollout),
        ..WorkloadState::default()
    };
    let name = ObjectRef {
        kind: "Deployment".into(),
        namespace: "shop".into(),
        name: "cart".into(),
    };
    Event {
        at: at(0),
        subject: Subject::Object(Arc::new(name)),
        signal: signals::KUBE_OBJECT,
        body: Body::Fact(Fact::Object(Box::new(ObjectState::Workload(state)))),
    }
}

fn crash(created: Timestamp, rollout: Timestamp) -> Insight {
    let (pod, told) = cart(created);
    let mut story = vec![rolled_out(rollout), told];
    for n in 1..=2 {
        let run = pod.clone().id(&format!("c{n}")).subject();
        story.push(exit(at(20 + 15 * n), &run, exited(1)));
    }
    let said = said(story);
    only(&said, "crash-loop").clone()
}

#[test]
fn a_crash_that_began_with_a_rollout_tells_what_it_changed_and_how_to_go_back() {
    let insight = crash(at(5), at(4));
    assert_eq!(
        insight.evidence[0].says,
        "revision 4 was rolled out 31 s before: image of app shop/cart:v1 -> shop/cart:v2"
    );
    let commands: Vec<&String> = insight.remedies.iter().flat_map(|remedy| &remedy.commands).collect();
    let undo = "kubectl rollout undo deployment/cart -n shop --to-revision=3";
    assert!(commands.iter().any(|command| *command == undo), "{commands:#?}");
}

#[test]
fn a_crash_of_a_pod_that_was_there_before_is_not_blamed_on_the_rollout() {
    let (old_pod, old_rollout) = (crash(secs(0), at(4)), crash(secs(1), secs(1)));
    for insight in [old_pod, old_rollout] {
        assert!(
            !insight
                .evidence
                .iter()
                .any(|evidence| evidence.says.contains("rolled out"))
        );
        let mut commands = insight.remedies.iter().flat_map(|remedy| &remedy.commands);
        assert!(!commands.any(|command| command.contains("rollout undo")));
    }
}
