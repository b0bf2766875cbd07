//! The capabilities of this process that matter (`include/uapi/linux/capability.h`).

use super::row::{Mark, Row, bad, good};

const NET_ADMIN: u32 = 12;
const SYS_ADMIN: u32 = 21;
const PERFMON: u32 = 38;
const BPF: u32 = 39;

/// What each is needed for; `CAP_SYS_ADMIN` stands for all of them (`kernel/bpf/syscall.c`).
const NEEDED: &[(u32, &str, Mark, &str)] = &[
    (BPF, "CAP_BPF", Mark::Fail, "to load probes"),
    (PERFMON, "CAP_PERFMON", Mark::Fail, "to attach probes to tracepoints"),
    (
        NET_ADMIN,
        "CAP_NET_ADMIN",
        Mark::Warn,
        "to attach probes that see packets",
    ),
];

/// A row a capability. `status` is `/proc/self/status`.
pub(crate) fn rows(status: &str) -> Vec<Row> {
    let Some(effective) = effective(status) else {
        let row = bad(
            Mark::Warn,
            "capabilities",
            "cannot be read from /proc/self/status",
            "mount /proc",
        );
        return vec![row];
    };
    let has = |bit: u32| effective >> bit & 1 == 1;
    let row = |(bit, name, mark, why): &(u32, &str, Mark, &str)| {
        if has(*bit) {
            good(*name, "effective")
        } else if has(SYS_ADMIN) {
            good(*name, "not effective, but CAP_SYS_ADMIN is")
        } else {
            let hint = format!("run as root, or add {name} to the capabilities of the container or unit: needed {why}");
            bad(*mark, *name, "not effective", hint)
        }
    };
    let mut rows: Vec<Row> = NEEDED.iter().map(row).collect();
    let found = if has(SYS_ADMIN) {
        "effective"
    } else {
        "not effective, and not needed"
    };
    rows.push(good("CAP_SYS_ADMIN", found));
    rows
}

fn effective(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(mask: &str) -> Vec<Mark> {
        let status = format!("Name:\ttapio\nCapPrm:\t000001ffffffffff\nCapEff:\t{mask}\n");
        rows(&status).iter().map(|row| row.mark).collect()
    }

    #[test]
    fn root_has_them_all_and_nobody_none() {
        assert_eq!(marks("000001ffffffffff"), [Mark::Ok; 4]);
        assert_eq!(
            marks("0000000000000000"),
            [Mark::Fail, Mark::Fail, Mark::Warn, Mark::Ok]
        );
    }

    #[test]
    fn bpf_and_perfmon_are_enough_without_packets_and_sys_admin_is_enough_alone() {
        assert_eq!(marks("000000c000000000"), [Mark::Ok, Mark::Ok, Mark::Warn, Mark::Ok]);
        assert_eq!(marks("0000000000200000"), [Mark::Ok; 4]);
    }

    #[test]
    fn a_mask_that_cannot_be_read_is_a_warning() {
        for status in ["", "CapEff:\tzz\n", "CapEff:\t11112222333344445\n"] {
            assert_eq!(rows(status)[0].mark, Mark::Warn, "{status:?}");
        }
    }
}
