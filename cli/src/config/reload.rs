//! SIGHUP: the file is read again. A wrong one changes nothing.

use std::io::IsTerminal as _;
use std::sync::Arc;

use super::{Config, Loader, Settings};
use crate::metrics::Reloads;

/// Reads the configuration of a running process again.
#[derive(Debug)]
pub(crate) struct Reload {
    loader: Loader,
    running: Settings,
    reloads: Arc<Reloads>,
}

impl Reload {
    pub(crate) fn new(loader: Loader, running: Settings) -> Self {
        let reloads = Arc::default();
        Self {
            loader,
            running,
            reloads,
        }
    }

    pub(crate) fn reloads(&self) -> Arc<Reloads> {
        Arc::clone(&self.reloads)
    }

    pub(crate) fn config(&self) -> &Config {
        &self.running.config
    }

    /// Whether SIGHUP means this: there is a file, and no terminal whose end SIGHUP would tell.
    pub(crate) fn is_wanted(&self) -> bool {
        self.loader.file().is_some() && !std::io::stdout().is_terminal()
    }

    /// Reads it now. Gives back what is in effect from now on, and the keys that need a restart; or why nothing changes.
    pub(crate) fn reload(&mut self) -> anyhow::Result<(Settings, Vec<String>)> {
        let loaded = self.loader.load();
        self.reloads.count(loaded.is_ok());
        let rest = self.running.take_over(&loaded?);
        Ok((self.running.clone(), rest))
    }
}
