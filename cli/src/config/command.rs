//! `tapio config view` and `tapio config schema`.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use clap::ArgMatches;

use super::view::text;
use super::{Config, Loader};
use crate::args::View;

/// Prints the configuration in effect as a file that could stand in its place, with where each value comes from.
pub(crate) fn view(view: &View, matches: &ArgMatches) -> Result<ExitCode> {
    let loader = Loader::new(&view.sniff, matches);
    let loader = if view.agent { loader.of_agent() } else { loader };
    let settings = loader.load()?;
    crate::profile::chosen_of(&settings.config)?;
    let text = text(&loader, &settings);
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the JSON schema of the file.
pub(crate) fn schema() -> Result<ExitCode> {
    let schema = schemars::schema_for!(Config);
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&schema)?)?;
    Ok(ExitCode::SUCCESS)
}
