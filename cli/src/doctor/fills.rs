//! What fills up on the node besides memory: connection tracking, disk and volumes, open files, and when the kubelet evicts.

use std::path::Path;

use sniffers::node::{Eviction, Examined, examine};

use super::row::{Mark, Row, bad, good};
use crate::config::Config;
use crate::sources;

/// A row each, from one reading.
pub(crate) fn rows(config: &Config) -> Vec<Row> {
    let kubelet = &config.node.kubelet_root;
    let examined = examine(&sources::pid_map(false), kubelet.clone(), config.eviction());
    judge(&examined, kubelet)
}

fn judge(examined: &Examined, kubelet: &Path) -> Vec<Row> {
    vec![
        conntrack(examined),
        volumes(examined, kubelet),
        files(examined),
        eviction(examined),
    ]
}

fn conntrack(examined: &Examined) -> Row {
    match examined.conntrack {
        Some((entries, most)) => good("conntrack", format!("{entries} of {most} connections are tracked")),
        None => good(
            "conntrack",
            "the kernel tracks no connections of the node; nothing to watch",
        ),
    }
}

fn volumes(examined: &Examined, kubelet: &Path) -> Row {
    let kubelet = kubelet.display();
    if examined.out_of_sight {
        let hint = format!("in a pod, mount the host's {kubelet} at its place, with mountPropagation HostToContainer");
        return bad(Mark::Warn, "volumes", "the mounts of pods are out of sight", hint);
    }
    let Some((available, size)) = examined.disk else {
        let hint = format!("run on a node, or in a pod with the host's {kubelet}; disk and volumes are not seen");
        return bad(Mark::Warn, "volumes", format!("there is no {kubelet}"), hint);
    };
    let percent = (100.0 - available * 100.0 / size.max(1.0)).round();
    let volumes = examined.volumes;
    good(
        "volumes",
        format!("{volumes} volumes are watched; the kubelet's disk is {percent} % full"),
    )
}

fn files(examined: &Examined) -> Row {
    let counted = format!("those of {} containers are counted", examined.containers);
    if examined.refused == 0 {
        return good("open files", counted);
    }
    let found = format!("{counted}; those of {} processes may not be", examined.refused);
    let hint = "run as root with CAP_DAC_READ_SEARCH, or on Linux 6.2 or later";
    bad(Mark::Warn, "open files", found, hint)
}

fn eviction(examined: &Examined) -> Row {
    let eviction = examined.eviction;
    let whose = if eviction == Eviction::default() {
        "assumed as the kubelet's defaults"
    } else {
        "as configured"
    };
    let found = format!(
        "{whose}: memory.available {} MiB, nodefs.available {} %, nodefs.inodesFree {} %",
        eviction.memory >> 20,
        eviction.disk_percent,
        eviction.inodes_percent
    );
    good("eviction", found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_where_all_is_read_is_good() {
        let examined = Examined {
            conntrack: Some((300.0, 262_144.0)),
            disk: Some((75.0, 100.0)),
            volumes: 3,
            containers: 7,
            ..Examined::default()
        };
        let rows = judge(&examined, Path::new("/var/lib/kubelet"));
        assert!(rows.iter().all(|row| row.mark == Mark::Ok), "{rows:?}");
        assert_eq!(rows[0].found, "300 of 262144 connections are tracked");
        assert_eq!(rows[1].found, "3 volumes are watched; the kubelet's disk is 25 % full");
        assert!(rows[3].found.contains("memory.available 100 MiB"), "{rows:?}");
    }

    #[test]
    fn what_is_out_of_sight_or_refused_is_a_warning_and_never_a_failure() {
        let hidden = Examined {
            out_of_sight: true,
            refused: 4,
            ..Examined::default()
        };
        let rows = judge(&hidden, Path::new("/var/lib/kubelet"));
        let warned = rows.iter().filter(|row| row.mark == Mark::Warn);
        let checks: Vec<&str> = warned.map(|row| row.check.as_str()).collect();
        assert_eq!(checks, ["volumes", "open files"]);
        assert!(rows[2].found.ends_with("those of 4 processes may not be"), "{rows:?}");
        assert_eq!(judge(&Examined::default(), Path::new("/k"))[1].found, "there is no /k");
    }
}
