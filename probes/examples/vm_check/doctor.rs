//! `tapio doctor` in the machine: with everything in place, and with the kernel's types hidden.

use std::path::Path;
use std::process::Command;

use nix::mount::{MsFlags, mount};

const TAPIO: &str = "/bin/tapio";

/// Whether the program was packed for this machine.
pub(crate) fn is_here() -> bool {
    Path::new(TAPIO).exists()
}

/// All is well, and `tapio doctor` says so.
pub(crate) fn finds_nothing() -> Result<(), String> {
    match ask()? {
        (Some(0), _) => Ok(()),
        (code, said) => Err(format!("exit code {code:?}: {said}")),
    }
}

/// A kernel without BTF fails by name, with what to build.
pub(crate) fn misses_btf() -> Result<(), String> {
    let hidden = mount(
        Some("tmpfs"),
        "/sys/kernel/btf",
        Some("tmpfs"),
        MsFlags::empty(),
        None::<&str>,
    );
    hidden.map_err(|error| format!("hiding /sys/kernel/btf: {error}"))?;
    let (code, said) = ask()?;
    let row = said
        .lines()
        .find(|line| line.contains(r#""check":"BTF""#))
        .unwrap_or_default();
    if code == Some(4) && row.contains(r#""status":"fail""#) && row.contains("CONFIG_DEBUG_INFO_BTF") {
        Ok(())
    } else {
        Err(format!("exit code {code:?}: {said}"))
    }
}

fn ask() -> Result<(Option<i32>, String), String> {
    let output = Command::new(TAPIO)
        .args(["doctor", "--ebpf-only", "-o", "json"])
        .output();
    let output = output.map_err(|error| format!("{TAPIO}: {error}"))?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8_lossy(&said).into_owned()))
}
