//! Lists the folders of `src/` and writes `mod`s and `all()` for them, so that adding a folder adds the probe.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let source = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("src");
    let mut names: Vec<String> = fs::read_dir(&source)?
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("mod.rs").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();

    let mut code = String::new();
    for name in &names {
        let path = source.join(name).join("mod.rs");
        let _ = writeln!(code, "#[path = {:?}]\npub mod {name};", path.to_string_lossy());
    }
    let probes: Vec<String> = names.iter().map(|name| format!("&{name}::PROBE")).collect();
    let _ = writeln!(code, "/// Every probe, by name.\n#[must_use]");
    let _ = writeln!(
        code,
        "pub fn all() -> &'static [&'static Probe] {{ &[{}] }}",
        probes.join(", ")
    );
    code.push_str(&older(&source, &names));
    fs::write(
        Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("probes.rs"),
        code,
    )?;
    println!("cargo::rerun-if-changed=src");
    Ok(())
}

/// The objects for older kernels, of the probes that have one.
fn older(source: &Path, names: &[String]) -> String {
    let mut arms = String::new();
    for name in names {
        let path = source.join(name).join(format!("{name}.old.bpf.o"));
        if path.is_file() {
            let path = path.to_string_lossy();
            let _ = writeln!(arms, "{name:?} => Some(aya::include_bytes_aligned!({path:?})),");
        }
    }
    format!("fn older_object(probe: &str) -> Option<&'static [u8]> {{\nmatch probe {{\n{arms}_ => None,\n}}\n}}\n")
}
