//! Lists `src/detectors/`, so that adding a file there adds the detector and its manual page.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let folder = root.join("src/detectors");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("src/detectors")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.sort();

    let (mut modules, mut rules, mut manuals) = (String::new(), String::new(), String::new());
    for path in &files {
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("an ASCII file name");
        let source = fs::read_to_string(path).expect("a readable file");
        let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
        let manual: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        let shown = path.to_str().expect("a UTF-8 path");
        writeln!(modules, "#[path = {shown:?}]\nmod {name};").expect("a string");
        writeln!(rules, "Box::new({name}::RULE),").expect("a string");
        writeln!(manuals, "({:?}, {:?}),", name.replace('_', "-"), manual.join("\n")).expect("a string");
    }
    let generated = format!(
        "{modules}\n/// Every detector, in the order of their ids.\n\
         #[must_use]\npub fn all() -> Vec<Box<dyn correlator::Detector>> {{ vec![{rules}] }}\n\
         /// Id and manual text of every detector, in the order of their ids.\n\
         pub const MANUALS: &[(&str, &str)] = &[{manuals}];\n"
    );
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("detectors.rs"), generated).expect("OUT_DIR is writable");
}
