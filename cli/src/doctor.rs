//! `tapio doctor`: what of tapio works on this machine and with this cluster, and what to do about the rest.

mod calibration;
mod capabilities;
mod cluster;
mod configuration;
mod fills;
mod host;
mod kernel;
mod row;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use sniffers::k8s::Config;

use crate::args::{Doctor, DoctorOutput};
use crate::output::{self, glyphs};
use configuration::Found;
use row::Mark;

/// Exit code when something that tapio needs does not work.
const FAILED: u8 = 4;

/// Looks at everything the arguments allow, loads and attaches every probe for a moment, and says how that went.
pub(crate) fn run(doctor: &Doctor) -> Result<ExitCode> {
    let Found {
        config,
        probes,
        mut rows,
    } = configuration::find(doctor);
    if !doctor.k8s_only {
        rows.extend(host::rows(Path::new("/")));
        rows.extend(fills::rows(&config));
        rows.extend(kernel::rows(Path::new("/"), |probe| probes.contains(&probe.name)));
        rows.push(calibration::row(config.calibration.as_deref()));
    }
    if !doctor.ebpf_only {
        rows.extend(cluster::rows(&server(doctor))?);
    }
    let mut out = io::stdout().lock();
    match doctor.output {
        DoctorOutput::Human => {
            let table = row::table(&rows, &glyphs::from_environment(), output::terminal_width());
            out.write_all(table.as_bytes())?;
        }
        DoctorOutput::Json => {
            for row in &rows {
                serde_json::to_writer(&mut out, row).context("writing to stdout")?;
                writeln!(out)?;
            }
        }
    }
    let failed = rows.iter().any(|row| row.mark == Mark::Fail);
    Ok(if failed {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

fn server(doctor: &Doctor) -> Config {
    Config {
        kubeconfig: doctor.kubeconfig.clone(),
        context: doctor.context.clone(),
        namespace: doctor.namespace.clone(),
        node: None,
        elect: doctor.leader_elect.clone(),
    }
}
