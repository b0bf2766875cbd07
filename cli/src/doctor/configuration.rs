//! The configuration that `tapio sniff` would have here, and whether what it names is there.

use clap::ValueEnum as _;

use super::row::{Mark, Row, bad, good};
use crate::args::Doctor;
use crate::config::{Config, Loader};
use crate::profile;
use crate::sinks::Sinks;

const CHECK: &str = "configuration";
const SINKS: &str = "sinks";

/// What was found.
pub(super) struct Found {
    /// The defaults where the configuration is wrong.
    pub(super) config: Config,
    /// The names of the probes that it loads.
    pub(super) probes: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
}

/// Reads it as a run without flags does, and looks for what it names.
pub(super) fn find(doctor: &Doctor) -> Found {
    let loaded = Loader::without_flags(doctor).and_then(|loader| {
        let config = loader.load()?.config;
        let probes = profile::chosen_of(&config)?;
        let file = loader.file();
        Ok((config, probes, file))
    });
    let (config, probes, mut rows) = match loaded {
        Ok((config, probes, file)) => {
            let file = file.map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
            let profile = config.profile.to_possible_value();
            let profile = profile.as_ref().map_or("", |profile| profile.get_name());
            let found = format!("{file}; the profile {profile} loads {} probes", probes.len());
            (config, probes, vec![good(CHECK, found)])
        }
        Err(error) => {
            let hint =
                "`tapio sniff` and `tapio agent` do not start with it; `tapio config view` says whether it is mended";
            let row = bad(Mark::Fail, CHECK, format!("{error:#}"), hint);
            let calibration = doctor.calibration.clone();
            let config = Config {
                calibration,
                ..Config::default()
            };
            (config, probes::all().to_vec(), vec![row])
        }
    };
    rows.extend(sinks(&config));
    Found {
        config,
        probes: probes.iter().map(|probe| probe.name).collect(),
        rows,
    }
}

/// Whether what the sinks need is there, if there are any. Nothing is sent to them.
fn sinks(config: &Config) -> Option<Row> {
    let prepared = match Sinks::prepare(config.sinks.clone()) {
        Ok(prepared) => prepared,
        Err(error) => {
            let hint = "`tapio sniff` and `tapio agent` do not start without it";
            return Some(bad(Mark::Fail, SINKS, format!("{error:#}"), hint));
        }
    };
    let standings = prepared.standings();
    let names: Vec<&str> = standings.iter().map(|standing| standing.name()).collect();
    let found = || format!("{}; whether they answer is not asked", names.join(", "));
    (!prepared.is_empty()).then(|| good(SINKS, found()))
}
