//! Which probes a run loads, as the user is told.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;

fn sniff(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tapio"))
        .arg("sniff")
        .args(arguments)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_wrong_probe_name_is_refused_with_the_nearest_right_one() {
    let (done, said) = sniff(&["--profile", "custom", "--probe", "tcp_conect"]);
    assert!(
        !done && said.contains("a similar value exists: 'tcp_connect'"),
        "{said}"
    );
}

#[test]
fn a_wrong_ring_size_is_refused_with_the_bounds() {
    let (done, said) = sniff(&["--ring-size", "3MiB"]);
    assert!(!done && said.contains("a power of two from 64KiB to 1GiB"), "{said}");
}

#[test]
fn only_the_probes_of_the_profile_are_loaded() {
    if !nix::unistd::geteuid().is_root() {
        return fixtures::skipped("only_the_probes_of_the_profile_are_loaded", "needs root");
    }
    let watched = |arguments: &[&str]| {
        let (done, said) = sniff(
            &[
                &["--ebpf-only", "--duration", "200ms", "--ring-size", "64KiB"],
                arguments,
            ]
            .concat(),
        );
        assert!(done, "{said}");
        said.lines()
            .find(|line| line.contains("ebpf: watching"))
            .unwrap()
            .to_owned()
    };
    assert!(!watched(&["--profile", "minimal"]).contains("TCP connects"));
    assert!(watched(&[]).contains("TCP connects"));
    let one = watched(&["--profile", "custom", "--probe", "memory"]);
    assert!(one.ends_with("watching OOM kills"), "{one}");
}
