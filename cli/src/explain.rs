//! `tapio explain` and `tapio version`.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Result, bail};

/// Prints the manual page of an insight, or the list of them.
pub(crate) fn run(id: Option<&str>) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let Some(id) = id else {
        for (id, manual) in insights::MANUALS {
            let title = manual.lines().next().unwrap_or_default().trim_start_matches("# ");
            writeln!(out, "{id:<20} {title}")?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    if let Some((_, why)) = insights::NOT_YET.iter().find(|(known, _)| *known == id) {
        bail!("{id} is not recognised yet: {why}");
    }
    let Some(manual) = insights::manual(id) else {
        bail!("there is no insight {id:?}; `tapio explain` lists them");
    };
    writeln!(out, "{manual}")?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the version.
pub(crate) fn version() -> Result<ExitCode> {
    writeln!(std::io::stdout(), "tapio {}", env!("CARGO_PKG_VERSION"))?;
    Ok(ExitCode::SUCCESS)
}
