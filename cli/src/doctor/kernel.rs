//! Whether the kernel takes the probes: its types, what `bpf()` needs, and each probe loaded and attached for a moment.

use std::fs;
use std::path::Path;

use probes::{Kernel, LoadError, Probe};

use super::capabilities;
use super::row::{Mark, Row, bad, good};

/// The capabilities, BTF, `bpf()` and every probe, of which only those must work that `loads` says. Attaches to the running
/// kernel whatever `root` is.
pub(crate) fn rows(root: &Path, loads: impl Fn(&Probe) -> bool) -> Vec<Row> {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let status = read("proc/self/status");
    let mut rows = capabilities::rows(&status);
    let guards = guards(&status, &read("sys/kernel/security/lockdown"));
    match Kernel::open() {
        Err(error) => rows.push(bad(Mark::Fail, "BTF", error.why(), error.fix())),
        Ok(mut kernel) => {
            rows.push(good("BTF", "/sys/kernel/btf/vmlinux"));
            let tried: Vec<_> = probes::all()
                .iter()
                .map(|probe| (*probe, attach(&mut kernel, probe)))
                .collect();
            rows.push(bpf(&tried, &guards));
            rows.extend(
                tried
                    .iter()
                    .map(|(probe, result)| of_probe(probe, result, loads(probe))),
            );
        }
    }
    rows
}

/// Where it attached; it is detached again on return.
fn attach(kernel: &mut Kernel, probe: &'static Probe) -> Result<String, LoadError> {
    let loaded = kernel.load(probe)?;
    let hooks: Vec<String> = loaded.hooks().map(|hook| hook.to_string()).collect();
    Ok(hooks.join(", "))
}

fn of_probe(probe: &Probe, result: &Result<String, LoadError>, is_loaded: bool) -> Row {
    let check = format!("probe {}", probe.name);
    let (mark, besides) = if is_loaded {
        (Mark::Fail, "")
    } else {
        (Mark::Warn, "; the configuration does not load it")
    };
    match result {
        Ok(hooks) => good(check, format!("{hooks}{besides}")),
        Err(error) => bad(
            mark,
            check,
            format!("{}{besides}", error.why()),
            format!("{} go unseen: {}", probe.watches, error.fix()),
        ),
    }
}

type Tried = (&'static Probe, Result<String, LoadError>);

/// `bpf()` is allowed when any probe went in. `guards` may be why it is not.
fn bpf(tried: &[Tried], guards: &[&str]) -> Row {
    if tried.iter().any(|(_, result)| result.is_ok()) {
        return good("bpf()", "allowed");
    }
    let why = tried
        .iter()
        .find_map(|(_, result)| result.as_ref().err())
        .map(LoadError::why);
    let hint = if guards.is_empty() {
        "see the capabilities above, and the reasons of the probes below".to_owned()
    } else {
        format!("besides the capabilities above, it may be {}", guards.join(", or "))
    };
    bad(
        Mark::Fail,
        "bpf()",
        why.unwrap_or_else(|| "no probe to try it with".to_owned()),
        hint,
    )
}

/// What else may forbid `bpf()`: `status` is `/proc/self/status`, `lockdown` is `/sys/kernel/security/lockdown`.
fn guards(status: &str, lockdown: &str) -> Vec<&'static str> {
    let seccomp = status.lines().find_map(|line| line.strip_prefix("Seccomp:"));
    let mut guards = Vec::new();
    if seccomp.is_some_and(|mode| mode.trim() != "0") {
        guards.push("the seccomp profile of this container (set seccompProfile: Unconfined or allow bpf)");
    }
    if lockdown.contains("[confidentiality]") {
        guards.push("kernel lockdown (boot with lockdown=integrity)");
    }
    guards
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing() -> LoadError {
        LoadError::Missing {
            probe: "memory",
            part: "lost",
        }
    }

    #[test]
    fn fault_15_seccomp_and_lockdown_are_named_where_they_are_on() {
        assert!(guards("Seccomp:\t0\n", "none [integrity] confidentiality").is_empty());
        assert!(guards("", "").is_empty());
        let both = guards("Seccomp:\t2\n", "none integrity [confidentiality]");
        let probe = probes::all()[0];
        let hint = bpf(&[(probe, Err(missing()))], &both).hint.unwrap();
        assert!(hint.contains("seccomp") && hint.contains("lockdown"), "{hint}");
    }

    #[test]
    fn one_probe_that_attaches_proves_that_bpf_is_allowed() {
        let probe = probes::all()[0];
        let tried = [(probe, Err(missing())), (probe, Ok("iter/task".to_owned()))];
        assert_eq!(bpf(&tried, &[]).mark, Mark::Ok);
        assert_eq!(of_probe(probe, &tried[0].1, false).mark, Mark::Warn);
        let row = of_probe(probe, &tried[0].1, true);
        assert!(row.mark == Mark::Fail && row.hint.unwrap().contains(probe.watches));
    }
}
