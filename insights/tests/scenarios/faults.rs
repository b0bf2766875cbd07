//! The fault suite: at least 95 of 100 faults have to be told with their right cause.

use crate::fault;

#[test]
fn faults_are_told_with_their_cause() {
    let faults = fault::all();
    let outcomes: Vec<_> = faults.iter().map(|fault| (&fault.name, fault.judge())).collect();
    let wrong: Vec<String> = outcomes
        .iter()
        .filter(|(_, outcome)| !outcome.is_right)
        .map(|(name, outcome)| format!("{name}\n{}", outcome.report))
        .collect();
    assert!(faults.len() >= 80, "only {} faults", faults.len());
    assert!(
        wrong.len() * 20 <= faults.len(),
        "{} of {} are wrong:\n{}",
        wrong.len(),
        faults.len(),
        wrong.join("\n")
    );
}
