//! The configuration of `tapio sniff` and `tapio agent`: flags before `TAPIO_*` before the file before defaults.

mod buckets;
mod command;
mod file;
mod given;
mod insights;
pub(crate) mod measure;
mod read;
mod reload;
mod scalar;
mod selector;
pub(crate) mod sinks;
mod thresholds;
mod view;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use correlator::{Thresholds, Wanted};
use serde_json::Value;

use crate::args::{Arguments, Doctor, Profile, Sniff};
use crate::filter::Filter;
use crate::metrics::bounds::Buckets;
use crate::metrics::registry;
pub(crate) use command::{schema, view};
pub(crate) use file::{Config, Filters};
use given::Given;
use read::Said;
pub(crate) use reload::Reload;
use sinks::Sinks;

/// What a running process may take over from a changed file.
const LIVE: [&str; 4] = ["filters", "insights", "thresholds", "limits.series"];

/// The configuration in effect.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    /// What of it the file says.
    said: Value,
    pub(crate) filter: Arc<Filter>,
    pub(crate) thresholds: Thresholds,
    pub(crate) buckets: Buckets,
    pub(crate) wanted: Wanted,
}

/// Where the configuration comes from, so that it can be loaded again.
#[derive(Debug, Clone)]
pub(crate) struct Loader {
    named: Option<PathBuf>,
    given: Vec<Given>,
}

impl Loader {
    /// What the user gave on the command line and in the environment.
    pub(crate) fn new(sniff: &Sniff, matches: &ArgMatches) -> Self {
        Self {
            named: sniff.config.clone(),
            given: given::given(sniff, matches),
        }
    }

    /// The same for the agent, which listens by itself.
    fn of_agent(mut self) -> Self {
        if !self.gives("http.listen") {
            self.given.push(given::listens());
        }
        self
    }

    /// That of a run in this environment without flags, but for those that the doctor takes too.
    pub(crate) fn without_flags(doctor: &Doctor) -> Result<Self> {
        let read = Arguments::command().try_get_matches_from(["tapio", "sniff"]);
        let matches = read.map_err(|error| {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            anyhow!("the environment: {}", line.trim_start_matches("error: "))
        })?;
        let own = matches.subcommand_matches("sniff").context("a command line of sniff")?;
        let mut loader = Self::new(&Sniff::from_arg_matches(own)?, own);
        loader.named.clone_from(&doctor.config);
        loader.given.extend(given::of_doctor(doctor));
        Ok(loader)
    }

    /// The file that is read, if any.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        read::place(self.named.as_deref(), Path::new(read::DEFAULT))
    }

    /// Reads the file and lays what was given over it.
    pub(crate) fn load(&self) -> Result<Settings> {
        let file = self.file();
        let said = file.as_deref().map(read::read).transpose()?;
        let settings = self.settle(said.unwrap_or_default());
        settings.map_err(|why| match file {
            Some(path) => anyhow!("{}: {why}", path.display()),
            None => anyhow!(why),
        })
    }

    fn settle(&self, said: Said) -> Result<Settings, String> {
        let mut tree = serde_json::to_value(&said.config).map_err(|error| error.to_string())?;
        for given in self
            .given
            .iter()
            .filter(|given| !given.is_default() || !is_in(&said.raw, given.key))
        {
            put(&mut tree, given.key, given.value.clone());
        }
        let mut config: Config = serde_json::from_value(tree).map_err(|error| error.to_string())?;
        let overruled = self
            .given
            .iter()
            .any(|given| given.key == "profile" && !given.is_default());
        if overruled && config.profile != Profile::Custom && !self.gives("probes") {
            config.probes.clear();
        }
        Settings::new(config, said.raw)
    }

    /// The sinks that a recording or dump is sent to, and the names of the others: only where the command line sends it, as
    /// the file of a node says who is told of what happens now.
    pub(crate) fn sinks_of_the_past(&self, mut sinks: Sinks) -> (Sinks, Vec<&'static str>) {
        let begins = |sink: &str| format!("sinks.{sink}.");
        let others = sinks.keep(|sink| self.given.iter().any(|given| given.key.starts_with(&begins(sink))));
        (sinks, others)
    }

    fn gives(&self, key: &str) -> bool {
        self.given.iter().any(|given| given.key == key && !given.is_default())
    }
}

impl Settings {
    fn new(config: Config, said: Value) -> Result<Self, String> {
        config.sinks.check()?;
        let filter = Arc::new(config.filters.filter()?);
        let (thresholds, wanted) = (config.thresholds.thresholds(), config.insights.wanted());
        let buckets = config.buckets.of_metrics();
        Ok(Self {
            config,
            said,
            filter,
            thresholds,
            buckets,
            wanted,
        })
    }

    /// How many series there may be, and for how long.
    pub(crate) fn series_limits(&self) -> registry::Limits {
        let limits = &self.config.limits;
        registry::Limits {
            of_metric: limits.series_per_metric,
            of_pod: limits.series_per_pod,
            idle: limits.series_idle.0,
        }
    }

    /// Makes the arguments of a run what the configuration says.
    pub(crate) fn apply(&self, sniff: &mut Sniff) -> Result<()> {
        let config = &self.config;
        let parsed = |error: String| anyhow!(error);
        sniff.profile = config.profile;
        let named = |is_on: bool| {
            let switches = config.probes.iter().filter(move |(_, on)| **on == is_on);
            switches.map(|(name, _)| name.clone()).collect()
        };
        (sniff.probe, sniff.no_probe) = (named(true), named(false));
        let ring = config.ring_size.as_deref().map(crate::profile::ring_size);
        sniff.ring_size = ring.transpose().map_err(parsed)?;
        sniff.batch_size = config.limits.batch_size;
        let listen = config.http.listen.as_deref().map(crate::http::listen);
        sniff.listen = listen.transpose().map_err(parsed)?;
        sniff.calibration.clone_from(&config.calibration);
        Ok(())
    }

    /// Takes over from `newer` what a running process may, and tells the keys of the rest that differs.
    fn take_over(&mut self, newer: &Self) -> Vec<String> {
        let before = leaves(&self.config);
        self.config.filters = newer.config.filters.clone();
        self.config.insights = newer.config.insights.clone();
        self.config.thresholds = newer.config.thresholds.clone();
        self.config.limits = file::Limits {
            batch_size: self.config.limits.batch_size,
            ..newer.config.limits.clone()
        };
        (self.filter, self.thresholds) = (Arc::clone(&newer.filter), newer.thresholds.clone());
        self.wanted = newer.wanted.clone();
        let differs = before
            .symmetric_difference(&leaves(&newer.config))
            .map(|(key, _)| key.clone())
            .collect::<BTreeSet<_>>();
        let is_live = |key: &str| LIVE.iter().any(|live| key.starts_with(live));
        // A sink that is new tells of each of its keys; its own is enough.
        let is_within = |key: &str| key.match_indices('.').any(|(end, _)| differs.contains(&key[..end]));
        let rest = differs.iter().filter(|key| !is_live(key) && !is_within(key));
        rest.cloned().collect()
    }
}

impl Filters {
    /// What they let through.
    pub(crate) fn filter(&self) -> Result<Filter, String> {
        let names = |names: &[String]| names.iter().cloned().collect();
        let selector = self.label_selector.selector()?;
        Ok(Filter::new(
            names(&self.namespaces),
            names(&self.excluded_namespaces),
            selector,
        ))
    }
}

impl Config {
    /// What one key says of another.
    fn check(&self) -> Result<(), String> {
        if !self.probes.is_empty() && self.profile != Profile::Custom {
            return Err(
                "probes: only the profile custom takes them; set profile: custom, or leave probes out".to_owned(),
            );
        }
        let selector = self.filters.label_selector.selector();
        selector.map_err(|why| format!("filters.labelSelector: {why}"))?;
        Ok(())
    }

    /// The thresholds of the kubelet.
    pub(crate) fn eviction(&self) -> sniffers::node::Eviction {
        let eviction = &self.node.eviction;
        sniffers::node::Eviction {
            memory: eviction.memory.0 as u64,
            disk_percent: eviction.disk_percent,
            inodes_percent: eviction.inodes_percent,
        }
    }
}

/// Keys and values of a configuration, as in `limits.batchSize`.
fn leaves(config: &Config) -> BTreeSet<(String, String)> {
    fn walk(at: &str, value: &Value, into: &mut BTreeSet<(String, String)>) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                for (key, value) in fields {
                    let key = if at.is_empty() {
                        key.clone()
                    } else {
                        format!("{at}.{key}")
                    };
                    walk(&key, value, into);
                }
            }
            value => {
                into.insert((at.to_owned(), value.to_string()));
            }
        }
    }
    let mut found = BTreeSet::new();
    walk("", &serde_json::to_value(config).unwrap_or_default(), &mut found);
    found
}

/// Whether a tree has this key, as in `http.listen`.
fn is_in(tree: &Value, key: &str) -> bool {
    let mut parts = key.split('.');
    parts.try_fold(tree, |at, part| at.get(part)).is_some()
}

/// Sets a key; what is on the way to it and not there yet is made.
fn put(tree: &mut Value, key: &str, value: Value) {
    let mut at = tree;
    for part in key.split('.') {
        if at.is_null() {
            *at = Value::Object(serde_json::Map::new());
        }
        at = &mut at[part];
    }
    *at = value;
}

#[cfg(test)]
mod tests;
