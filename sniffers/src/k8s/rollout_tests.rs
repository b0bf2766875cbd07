//! Rollouts as the watches tell them, in whatever order.

use serde_json::json;

use super::super::prune::Pruner;
use super::super::template::template;
use super::*;

fn image(image: &str) -> Template {
    let wire = json!({"spec": {"containers": [{"name": "app", "image": image}]}});
    template(Some(&serde_json::from_value(wire).unwrap()), &mut Pruner::default())
}

fn revision(number: u64, set: &str) -> Revision {
    Revision {
        number,
        set: set.into(),
        since: Some(at(number)),
        template: image(set),
    }
}

const fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

const NOW: Timestamp = at(1000);

fn uid() -> Arc<str> {
    "d".into()
}

fn web() -> Arc<ObjectRef> {
    Arc::new(ObjectRef {
        kind: "Deployment".into(),
        namespace: "shop".into(),
        name: "web".into(),
    })
}

/// The Deployment is known and the sets were listed.
fn followed() -> Rollouts {
    let mut rollouts = Rollouts::default();
    rollouts.listing(false);
    rollouts
        .learn_deployment(&uid(), web(), WorkloadState::default())
        .unwrap();
    rollouts
}

/// `7 -> 8 at 8: old -> new`.
fn told(news: Option<News>) -> Option<String> {
    let rollout = news?.state.rollout?;
    let side = |side: &Option<Arc<str>>| side.as_deref().unwrap_or("-").to_owned();
    let changes: Vec<_> = rollout
        .changes
        .iter()
        .map(|change| format!("{} -> {}", side(&change.before), side(&change.after)))
        .collect();
    let since = rollout.at.map_or("unknown".to_owned(), |at| at.as_secs().to_string());
    Some(format!(
        "{} -> {} at {since}: {}",
        rollout.previous,
        rollout.revision,
        changes.join(", ")
    ))
}

#[test]
fn a_new_set_tells_the_deployment_again_with_what_changed() {
    let mut rollouts = followed();
    assert_eq!(rollouts.learn_set(&uid(), revision(7, "old"), NOW), None);
    let news = rollouts.learn_set(&uid(), revision(8, "new"), NOW);
    assert_eq!(told(news).unwrap(), "7 -> 8 at 8: old -> new");
    assert_eq!(rollouts.learn_set(&uid(), revision(8, "new"), NOW), None);
    assert_eq!(rollouts.learn_deployment(&uid(), web(), WorkloadState::default()), None);
}

#[test]
fn only_the_list_as_a_whole_says_which_revision_was_before() {
    let mut rollouts = Rollouts::default();
    rollouts.listing(true);
    assert!(
        rollouts
            .learn_deployment(&uid(), web(), WorkloadState::default())
            .is_some()
    );
    for (number, set) in [(8, "c"), (3, "a"), (7, "b"), (1, "z")] {
        assert_eq!(rollouts.learn_set(&uid(), revision(number, set), NOW), None);
        assert_eq!(rollouts.next_held_back(), None);
    }
    rollouts.listing(false);
    assert_eq!(told(rollouts.next_held_back()).unwrap(), "7 -> 8 at 8: b -> c");
    assert_eq!(rollouts.next_held_back(), None);
}

#[test]
fn a_rollback_is_a_rollout_from_the_revision_that_was_current() {
    let mut rollouts = followed();
    rollouts.learn_set(&uid(), revision(1, "good"), NOW);
    rollouts.learn_set(&uid(), revision(2, "bad"), NOW);
    let back = rollouts.learn_set(&uid(), revision(3, "good"), NOW);
    assert_eq!(told(back).unwrap(), "2 -> 3 at 1000: bad -> good");
    let again = Revision {
        since: None,
        ..revision(3, "good")
    };
    assert_eq!(rollouts.learn_set(&uid(), again, at(2000)), None);
}

#[test]
fn a_rollout_stays_known_when_the_old_set_is_gone_but_not_when_the_deployment_is() {
    let mut rollouts = followed();
    rollouts.learn_set(&uid(), revision(1, "old"), NOW);
    rollouts.learn_set(&uid(), revision(2, "new"), NOW);
    rollouts.forget_set("d", "old");
    let ready = WorkloadState {
        ready: 1,
        ..WorkloadState::default()
    };
    assert!(told(rollouts.learn_deployment(&uid(), web(), ready)).is_some());
    rollouts.forget_deployment("d");
    assert_eq!(
        told(rollouts.learn_deployment(&uid(), web(), WorkloadState::default())),
        None
    );
}

#[test]
fn sets_of_a_deployment_that_is_never_told_leave_nothing_behind() {
    let mut rollouts = Rollouts::default();
    rollouts.learn_set(&uid(), revision(1, "a"), NOW);
    rollouts.forget_set("d", "a");
    assert!(rollouts.deployments.is_empty());
}

#[test]
fn a_template_that_changes_is_a_rollout_and_a_scaling_is_not() {
    let mut generations = Generations::default();
    let key: Arc<str> = "shop/db".into();
    let mut follow = |uid: &str, number, name: &str| generations.follow(&key, uid.into(), (number, image(name)), NOW);
    assert_eq!(follow("u", 1, "a"), None);
    assert_eq!(follow("u", 2, "a"), None);
    let rolled = follow("u", 3, "b").unwrap();
    assert_eq!((rolled.previous, rolled.revision, rolled.at), (2, 3, Some(NOW)));
    assert_eq!(follow("u", 4, "b"), Some(rolled), "it stays known");
    assert_eq!(follow("v", 1, "c"), None, "another object of the same name");
}
