//! The calibration file: what was learnt of how far forecasts come true, kept from run to run.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use correlator::forecast::StateError;
use correlator::{Calibration, Timestamp};

/// No calibration that tapio writes is larger.
const MOST_BYTES: u64 = 16 << 20;
/// How often a live run saves what it learnt, besides at its end.
const EVERY: Duration = Duration::from_secs(600);

/// Reads the file; one that does not exist is a cold start.
pub(crate) fn load(path: &Path, model: &str) -> Result<Option<Calibration>> {
    let reading = || format!("reading the calibration {}", path.display());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(reading),
    };
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .with_context(reading)?;
    if bytes.len() as u64 > MOST_BYTES {
        bail!(
            "{} is larger than any calibration; name another file, or one that does not exist yet",
            path.display()
        );
    }
    let text = String::from_utf8_lossy(&bytes);
    Calibration::from_json(&text, model).with_context(reading).map(Some)
}

/// What a run starts with. What was learnt with another model, as before an upgrade, says nothing about this one: it is a cold
/// start, and a word on stderr.
pub(crate) fn take_up(path: &Path, model: &str) -> Result<Calibration> {
    let loaded = load(path, model);
    if let Some(other) = loaded.as_ref().err().and_then(other_model) {
        tracing::warn!(
            "The calibration {} was learnt with the model {other}; what is learnt begins anew.",
            path.display()
        );
        return Ok(Calibration::default());
    }
    Ok(loaded?.unwrap_or_default())
}

fn other_model(error: &anyhow::Error) -> Option<&str> {
    match error.downcast_ref() {
        Some(StateError::Model { learnt_with, .. }) => Some(learnt_with),
        _ => None,
    }
}

/// Where what is learnt is saved.
pub(crate) struct Keeper {
    path: PathBuf,
    model: String,
    saved: Option<Timestamp>,
}

impl Keeper {
    /// Saves to this file. Fails when nothing can be written beside it, rather than when everything has been learnt.
    pub(crate) fn new(path: &Path, model: String) -> Result<Self> {
        // A link stays one: what it points to is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let keeper = Self {
            path,
            model,
            saved: None,
        };
        let trial = keeper.beside();
        let tried = create(&trial).and_then(|_| fs::remove_file(&trial));
        tried.with_context(|| {
            format!(
                "writing beside the calibration {}; name a file in a folder that this user may write to",
                keeper.path.display()
            )
        })?;
        keeper.set_aside()?;
        Ok(keeper)
    }

    /// Keeps what was learnt with another model under that model's name.
    fn set_aside(&self) -> Result<()> {
        let loaded = load(&self.path, &self.model);
        let Some(other) = loaded.as_ref().err().and_then(other_model) else {
            return Ok(());
        };
        let mut name: OsString = self.path.clone().into_os_string();
        name.push(format!(".{}", other.replace(|c: char| !c.is_ascii_alphanumeric(), "-")));
        fs::rename(&self.path, &name).with_context(|| format!("setting aside the calibration {}", self.path.display()))
    }

    /// Saves now and then. The first call only starts the clock.
    pub(crate) fn tick(&mut self, calibration: &Calibration, now: Timestamp) {
        let saved = *self.saved.get_or_insert(now);
        if now.since(saved) < EVERY {
            return;
        }
        self.saved = Some(now);
        if let Err(error) = self.save(calibration) {
            tracing::warn!("The calibration was not saved: {error:#}.");
        }
    }

    /// Replaces the file at once, so that no reader and no crash finds half of it.
    pub(crate) fn save(&self, calibration: &Calibration) -> Result<()> {
        let beside = self.beside();
        let text = calibration.to_json(&self.model);
        let written = create(&beside).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)
        });
        if written.is_err() {
            // The error that counts is the first.
            let _ = fs::remove_file(&beside);
        }
        written.with_context(|| format!("saving the calibration {}", self.path.display()))
    }

    /// The file that takes the place of the old one; two instances do not share it.
    fn beside(&self) -> PathBuf {
        let mut name: OsString = self.path.clone().into_os_string();
        name.push(format!(".{}.new", std::process::id()));
        name.into()
    }
}

/// A new file that only its owner may read; what another run of the same process id left is removed first.
fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calibration.json");
        assert!(load(&path, "m").expect("a cold start").is_none());
        let keeper = Keeper::new(&path, "m".to_owned()).expect("a keeper");
        keeper.save(&Calibration::default()).expect("saved");
        keeper.save(&Calibration::default()).expect("saved over itself");
        assert_eq!(load(&path, "m").expect("loaded"), Some(Calibration::default()));
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
    }

    #[test]
    fn after_an_upgrade_of_the_model_learning_begins_anew_and_the_old_file_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calibration.json");
        let old = Keeper::new(&path, "trees-1".to_owned()).expect("a keeper");
        old.save(&Calibration::default()).expect("saved");
        let kept = fs::read_to_string(&path).expect("the old file");
        assert_eq!(take_up(&path, "trees-2").expect("a cold start"), Calibration::default());
        let new = Keeper::new(&path, "trees-2".to_owned()).expect("a keeper");
        new.save(&Calibration::default()).expect("saved");
        let aside = fs::read_to_string(folder.path().join("calibration.json.trees-1"));
        assert_eq!(aside.expect("the old file"), kept);
        assert!(load(&path, "trees-2").expect("loaded").is_some());
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&file, "").expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        let keeper = Keeper::new(&link, "m".to_owned()).expect("a keeper");
        keeper.save(&Calibration::default()).expect("saved");
        assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
        assert!(load(&file, "m").expect("loaded").is_some());
    }

    #[test]
    fn a_folder_that_does_not_exist_is_said_at_the_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("missing/calibration.json");
        let error = Keeper::new(&path, "m".to_owned()).err().expect("an error");
        assert!(format!("{error:#}").contains("name a file in a folder"), "{error:#}");
    }

    #[test]
    fn a_live_run_saves_every_ten_minutes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calibration.json");
        let mut keeper = Keeper::new(&path, "m".to_owned()).expect("a keeper");
        let mut exists_after = |second| {
            keeper.tick(&Calibration::default(), Timestamp::from_secs(second));
            path.exists()
        };
        assert_eq!([0, 599, 600].map(&mut exists_after), [false, false, true]);
    }

    #[test]
    fn a_file_without_end_is_refused() {
        let error = load(Path::new("/dev/zero"), "m").expect_err("an error");
        assert!(error.to_string().contains("larger than any calibration"), "{error:#}");
    }
}
