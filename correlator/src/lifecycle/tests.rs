//! When an insight is said, said again, swallowed and over.

use super::*;
use crate::identity::Subject;

const HOLD: Duration = Duration::from_secs(60);

fn insight(severity: Severity, revision: u64) -> Insight {
    let mut insight = Insight::new("test", Subject::Cluster, severity, "t".into(), "c".into());
    insight.revision = revision;
    insight.what = "id-1".into();
    insight
}

fn observe(life: &mut Lifecycle, second: u64, insight: Insight) -> Vec<Status> {
    let now = Timestamp::from_secs(second);
    let said = life.observe(now, &Scope::Cluster, "test", HOLD, Verdict::Found(vec![insight]));
    said.iter().map(|insight| insight.status).collect()
}

#[test]
fn it_is_said_once_and_again_when_it_doubled() {
    let mut life = Lifecycle::default();
    assert_eq!(observe(&mut life, 0, insight(Severity::Warning, 1)), [Status::Opened]);
    assert_eq!(observe(&mut life, 1, insight(Severity::Warning, 1)), []);
    assert_eq!(observe(&mut life, 2, insight(Severity::Warning, 2)), [], "too soon");
    assert_eq!(observe(&mut life, 20, insight(Severity::Warning, 2)), [Status::Updated]);
    assert_eq!(observe(&mut life, 40, insight(Severity::Warning, 3)), []);
    assert_eq!(
        observe(&mut life, 41, insight(Severity::Critical, 3)),
        [Status::Updated]
    );
}

#[test]
fn it_is_over_when_it_stayed_away_for_the_hold_time() {
    let mut life = Lifecycle::default();
    observe(&mut life, 0, insight(Severity::Warning, 1));
    assert!(life.expire(Timestamp::from_secs(59)).is_empty());
    let over: Vec<_> = life.expire(Timestamp::from_secs(60)).iter().map(|i| i.status).collect();
    assert_eq!(over, [Status::Resolved]);
    assert_eq!(life.open().count(), 0);
}

#[test]
fn not_yet_keeps_what_was_said() {
    let mut life = Lifecycle::default();
    observe(&mut life, 0, insight(Severity::Warning, 1));
    life.observe(Timestamp::from_secs(50), &Scope::Cluster, "test", HOLD, Verdict::NotYet);
    assert!(life.expire(Timestamp::from_secs(100)).is_empty());
}

#[test]
fn a_name_learnt_later_makes_no_second_insight() {
    let mut life = Lifecycle::default();
    observe(&mut life, 0, insight(Severity::Warning, 1));
    life.rename(&Scope::Cluster, "id-1", "app");
    let mut named = insight(Severity::Warning, 1);
    named.what = "app".into();
    assert_eq!(observe(&mut life, 1, named), []);
}

fn node_down() -> Insight {
    let mut insight = Insight::new(
        "node-down",
        Subject::Node("n".into()),
        Severity::Critical,
        "t".into(),
        "c".into(),
    );
    insight.about = vec![Culprit::Node("n".into())];
    insight
}

fn on_node(pod: &str) -> Insight {
    let mut insight = insight(Severity::Warning, 1);
    insight.what = pod.into();
    insight.suspects = vec![Culprit::Node("n".into())];
    insight
}

#[test]
fn what_an_open_insight_explains_is_not_said_but_counted_with_it() {
    let mut life = Lifecycle::default();
    assert_eq!(observe(&mut life, 0, on_node("a")), [Status::Opened]);
    assert_eq!(observe(&mut life, 1, node_down()), [Status::Opened]);
    assert_eq!(observe(&mut life, 2, on_node("b")), []);
    assert_eq!(observe(&mut life, 3, on_node("a")), []);
    assert_eq!(observe(&mut life, 20, node_down()), [Status::Updated]);
    let down = life.open().find(|insight| insight.id == "node-down");
    let examples = vec!["test cluster".to_owned(); 2];
    assert_eq!(
        down.map(|down| &down.consequences),
        Some(&Consequences { count: 2, examples })
    );
}

#[test]
fn a_consequence_that_outlives_its_cause_is_said_after_a_while() {
    let mut life = Lifecycle::default();
    observe(&mut life, 0, node_down());
    assert_eq!(observe(&mut life, 50, on_node("a")), []);
    let over: Vec<_> = life.expire(Timestamp::from_secs(60)).iter().map(|i| i.id).collect();
    assert_eq!(over, ["node-down"]);
    assert_eq!(observe(&mut life, 100, on_node("a")), []);
    assert_eq!(observe(&mut life, 121, on_node("a")), [Status::Opened]);
}

#[test]
fn a_consequence_that_was_never_said_ends_without_a_word() {
    let mut life = Lifecycle::default();
    observe(&mut life, 0, node_down());
    observe(&mut life, 1, on_node("a"));
    observe(&mut life, 50, node_down());
    assert!(life.expire(Timestamp::from_secs(70)).is_empty());
    assert_eq!(life.all().count(), 1);
}

#[test]
fn two_insights_that_suspect_each_other_are_not_both_silent() {
    let mut life = Lifecycle::default();
    let blaming = |what: &str, about: &str, suspect: &str| {
        let mut insight = on_node(what);
        insight.about = vec![Culprit::Pod(about.into())];
        insight.suspects = vec![Culprit::Pod(suspect.into())];
        insight
    };
    assert_eq!(observe(&mut life, 0, blaming("1", "a", "b")), [Status::Opened]);
    assert_eq!(observe(&mut life, 1, blaming("2", "b", "a")), []);
    assert_eq!(observe(&mut life, 2, blaming("1", "a", "b")), []);
    assert_eq!(life.open().count(), 1);
}

#[test]
fn what_opens_again_soon_is_held_twice_as_long() {
    let mut life = Lifecycle::default();
    observe(&mut life, 0, insight(Severity::Warning, 1));
    assert_eq!(life.expire(Timestamp::from_secs(60)).len(), 1);
    observe(&mut life, 100, insight(Severity::Warning, 1));
    assert_eq!(life.expire(Timestamp::from_secs(200)).len(), 0);
    assert_eq!(life.expire(Timestamp::from_secs(220)).len(), 1);
}

fn wanted(id: &'static str, least: Option<Severity>) -> Wanted {
    let mut wanted = Wanted::default();
    wanted.choose(id, least);
    wanted
}

#[test]
fn what_is_not_wanted_is_found_and_not_said_until_it_is_severe_enough() {
    let mut life = Lifecycle::default();
    life.want(wanted("test", Some(Severity::Warning)));
    assert_eq!(observe(&mut life, 0, insight(Severity::Info, 1)), []);
    let counts = |life: &Lifecycle| [life.open().count(), life.wanted().count(), life.all().count()];
    assert_eq!(counts(&life), [0, 0, 1]);
    assert_eq!(observe(&mut life, 1, insight(Severity::Warning, 1)), [Status::Opened]);
    assert_eq!(counts(&life), [1, 1, 1]);
    assert_eq!(
        observe(&mut life, 20, insight(Severity::Info, 2)),
        [],
        "it grew, and is less severe"
    );
    let over = life.expire(Timestamp::from_secs(80));
    assert_eq!(
        over.iter().map(|insight| insight.status).collect::<Vec<_>>(),
        [Status::Resolved]
    );
}

#[test]
fn what_is_not_wanted_any_more_is_resolved_and_what_is_wanted_again_is_opened() {
    let mut life = Lifecycle::default();
    observe(&mut life, 0, insight(Severity::Critical, 1));
    life.want(wanted("test", None));
    assert_eq!(observe(&mut life, 1, insight(Severity::Critical, 1)), []);
    let over = life.expire(Timestamp::from_secs(1));
    assert_eq!(
        over.iter().map(|insight| insight.status).collect::<Vec<_>>(),
        [Status::Resolved]
    );
    assert_eq!(observe(&mut life, 2, insight(Severity::Critical, 9)), []);
    assert!(life.expire(Timestamp::from_secs(3)).is_empty());
    life.want(Wanted::default());
    assert_eq!(observe(&mut life, 4, insight(Severity::Critical, 9)), [Status::Opened]);
    assert_eq!(
        life.expire(Timestamp::from_secs(64)).len(),
        1,
        "its hold is not that of one that flaps"
    );
}

#[test]
fn what_is_not_wanted_explains_nothing_and_is_counted_with_nothing() {
    let mut life = Lifecycle::default();
    life.want(wanted("node-down", None));
    assert_eq!(observe(&mut life, 0, node_down()), []);
    assert_eq!(observe(&mut life, 1, on_node("a")), [Status::Opened]);
    life.want(wanted("test", None));
    assert_eq!(observe(&mut life, 2, node_down()), [Status::Opened]);
    assert_eq!(observe(&mut life, 3, on_node("b")), []);
    assert_eq!(observe(&mut life, 20, node_down()), []);
}

#[test]
fn a_consequence_of_what_is_not_wanted_any_more_is_said_after_a_while() {
    let mut life = Lifecycle::default();
    observe(&mut life, 0, node_down());
    assert_eq!(observe(&mut life, 1, on_node("a")), []);
    life.want(wanted("node-down", None));
    assert_eq!(life.expire(Timestamp::from_secs(2)).len(), 1);
    assert_eq!(observe(&mut life, 3, node_down()), []);
    assert_eq!(observe(&mut life, 30, on_node("a")), []);
    assert_eq!(observe(&mut life, 63, on_node("a")), [Status::Opened]);
}
