//! Remedies in their plain form: something to read, or something to do by hand. Changes start from these.

use correlator::{Remedy, Risk};

use crate::kubectl::Kubectl;

/// Read-only commands; those that could not be made are left out.
pub(crate) fn look<const N: usize>(title: &str, why: &str, commands: [Option<Kubectl>; N], verify: &str) -> Remedy {
    Remedy::look(
        title.to_owned(),
        why.to_owned(),
        commands
            .into_iter()
            .flatten()
            .map(|command| command.to_string())
            .collect(),
        verify.to_owned(),
    )
}

/// A change of the pod's workload by one command, with the command that takes it back. `None` without a command.
pub(crate) fn change(
    title: &str,
    why: &str,
    command: Option<Kubectl>,
    undo: Option<Kubectl>,
    verify: &str,
) -> Option<Remedy> {
    let command = command?;
    Some(Remedy {
        risk: Risk::Low,
        impact: "the workload replaces its pods one by one".to_owned(),
        undo: undo.map(|undo| undo.to_string()),
        ..look(title, why, [Some(command)], verify)
    })
}
