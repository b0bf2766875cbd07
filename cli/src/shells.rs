//! `tapio completion` and `tapio man`: made from the command line itself, so that they are never behind it.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::Manual;
use crate::called::Called;

/// Writes the completion script of a shell to stdout.
pub(crate) fn completion(shell: Shell, called: Called) -> Result<ExitCode> {
    // Into memory first: the generator panics where stdout is closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut called.command(), called.program(), &mut script);
    io::stdout().write_all(&script).context("writing to stdout")?;
    Ok(ExitCode::SUCCESS)
}

/// Writes one page to stdout, or all to a folder.
pub(crate) fn manual(manual: &Manual) -> Result<ExitCode> {
    let mut tapio = Called::Itself.command();
    tapio.build();
    if let Some(folder) = &manual.dir {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        write(&tapio, folder)?;
        tapio.get_subcommands().try_for_each(|command| write(command, folder))?;
        return Ok(ExitCode::SUCCESS);
    }
    let named = manual.command.as_deref().and_then(|name| tapio.find_subcommand(name));
    let (_, page) = page(named.unwrap_or(&tapio)).context("making the page")?;
    io::stdout().write_all(&page).context("writing to stdout")?;
    Ok(ExitCode::SUCCESS)
}

fn write(command: &Command, folder: &Path) -> Result<()> {
    let (name, page) = page(command).context("making the page")?;
    let path = folder.join(name);
    fs::write(&path, page).with_context(|| format!("writing {}", path.display()))
}

/// The name of the file of a page, and the page. Built commands are named for the whole line: `tapio-sniff`.
fn page(command: &Command) -> io::Result<(String, Vec<u8>)> {
    let version = concat!("tapio ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).manual("tapio").source(version).date("");
    let mut page = Vec::new();
    man.render(&mut page)?;
    Ok((man.get_filename(), page))
}
