//! `tapio sniff --k8s-dump`: judges what kubectl wrote, as of the moment it was written.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use sniffers::k8s::dump;

use crate::notices::Notices;
use crate::session::{Done, Session};

/// What is read of all files together.
const MOST_BYTES: u64 = 2 << 30;
/// Folders within folders: `kubectl cluster-info dump` makes one for each namespace.
const DEEPEST: usize = 8;
/// Time goes on for so long after the dump, as insights wait a moment for what may still come in.
const AFTER: Duration = Duration::from_millis(1_500);
const TICK: Duration = Duration::from_millis(100);

/// Reads the dump at `path`, or from stdin where that is `-`.
pub(crate) fn run(path: &Path, mut session: Session) -> Result<Done> {
    let files = texts(path)?;
    let texts = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let dump = dump::read(texts)?;
    Notices::new().dump(&dump);
    for event in dump.events {
        session.event(event);
    }
    let mut now = dump.at;
    while now <= dump.at.plus(AFTER) {
        session.tick(now);
        now = now.plus(TICK);
    }
    session.finish()
}

/// The files of a dump: names and contents.
fn texts(path: &Path) -> Result<Vec<(String, String)>> {
    if path == Path::new("-") {
        let mut text = String::new();
        let mut stdin = std::io::stdin().lock().take(MOST_BYTES);
        stdin.read_to_string(&mut text).context("reading the dump from stdin")?;
        return Ok(vec![("stdin".to_owned(), text)]);
    }
    let mut paths = Vec::new();
    if fs::metadata(path)
        .with_context(|| format!("reading {}", path.display()))?
        .is_dir()
    {
        find(path, 0, &mut paths)?;
    } else {
        paths.push(path.to_owned());
    }
    if paths.is_empty() {
        bail!("{} holds no file that ends in .json, .yaml or .yml", path.display());
    }
    let mut left = MOST_BYTES;
    let mut texts = Vec::new();
    for path in paths {
        let text = read(&path, left)?;
        left -= text.len() as u64;
        texts.push((path.display().to_string(), text));
    }
    Ok(texts)
}

/// The JSON and YAML files in a folder and those within it, in order.
fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let reading = || format!("reading {}", folder.display());
    let entries: std::io::Result<Vec<_>> = fs::read_dir(folder).with_context(reading)?.collect();
    let mut paths: Vec<PathBuf> = entries.with_context(reading)?.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        let is_ours = path
            .extension()
            .is_some_and(|e| ["json", "yaml", "yml"].iter().any(|ours| e == *ours));
        let is_folder = fs::symlink_metadata(&path).is_ok_and(|entry| entry.is_dir());
        if is_folder && depth < DEEPEST {
            find(&path, depth + 1, found)?;
        } else if is_ours && path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path, most: u64) -> Result<String> {
    let reading = || format!("reading {}", path.display());
    let mut bytes = Vec::new();
    let file = fs::File::open(path).with_context(reading)?;
    file.take(most + 1).read_to_end(&mut bytes).with_context(reading)?;
    if bytes.len() as u64 > most {
        bail!(
            "the dump is larger than {} GiB; dump fewer namespaces at once",
            MOST_BYTES >> 30
        );
    }
    String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("{} is not text in UTF-8", path.display()))
}
