//! Whether the API server can be watched: credentials, an answer, and what the user may list.

use anyhow::{Context as _, Result};
use correlator::Gap;
use sniffers::SniffError;
use sniffers::k8s::{Access, Config, Examined, LeaseName, examine};

use super::row::{Mark, Row, bad, good};

/// Rows for the server and for each resource that is watched.
pub(crate) fn rows(config: &Config) -> Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let examined = runtime.context("starting the runtime")?.block_on(examine(config));
    Ok(match examined {
        Ok(examined) => of_server(&examined, config),
        Err(SniffError::Unavailable { why, fix } | SniffError::Failed { why, fix }) => {
            let hint = format!("{fix}; --ebpf-only works without an API server");
            vec![bad(Mark::Fail, "API server", why, hint)]
        }
    })
}

fn of_server(examined: &Examined, config: &Config) -> Vec<Row> {
    let Examined {
        url,
        version,
        resources,
        lease,
    } = examined;
    let server = good("API server", format!("{url}, version {version}"));
    std::iter::once(server)
        .chain(resources.iter().map(of_resource))
        .chain(
            config
                .elect
                .iter()
                .zip(lease)
                .map(|(name, lease)| of_lease(name, lease)),
        )
        .collect()
}

/// Without its Lease an instance watches nothing.
fn of_lease(name: &LeaseName, lease: &Result<String, Gap>) -> Row {
    let check = format!("lease {name}");
    match lease {
        Ok(found) => good(check, found),
        Err(gap) => bad(Mark::Fail, check, &*gap.why, &*gap.fix),
    }
}

/// Without pods nothing can be told; without the rest less.
fn of_resource(access: &Access) -> Row {
    let check = format!("list {}", access.resource);
    let mark = if access.resource == "pods" {
        Mark::Fail
    } else {
        Mark::Warn
    };
    match &access.gap {
        None => good(check, "allowed"),
        Some(gap) => bad(mark, check, &*gap.why, &*gap.fix),
    }
}
