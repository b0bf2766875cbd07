//! The structs that Rust reads are laid out as the C structs in the committed objects say.

#![allow(clippy::unwrap_used, reason = "a test")]

mod btf;

use std::mem::offset_of;

use btf::{Layout, layout};
use object::{Object, ObjectSection};
use probes::Probe;
use probes::dns::{DnsRecord, QueryKey};
use probes::memory::OomKillRecord;
use probes::memory_sample::ResidentRecord;
use probes::process::{ExecRecord, ExitRecord};
use probes::record::Header;
use probes::table::{HISTOGRAM_WORDS, TableKey};
use probes::tcp_connect::TcpConnectRecord;

fn find(probe: &Probe, name: &str) -> Option<Layout> {
    let object = object::File::parse(probe.object).unwrap();
    let section = object.section_by_name(".BTF").unwrap();
    layout(section.data().unwrap(), name)
}

fn in_object(probe: &Probe, name: &str) -> Layout {
    find(probe, name).unwrap_or_else(|| panic!("no {name} in {}", probe.name))
}

macro_rules! layout_of {
    ($record:ty, $($member:ident),+) => {
        Layout {
            size: u32::try_from(size_of::<$record>()).unwrap(),
            members: [$((stringify!($member).to_owned(), u32::try_from(offset_of!($record, $member)).unwrap())),+].into(),
        }
    };
}

#[test]
fn the_header_is_the_same_in_every_object_that_sends_records() {
    let ours = layout_of!(
        Header, magic, kind, version, len, ktime_ns, unified, memory, pid, ns_pid, comm
    );
    // A probe that only counts in tables has none.
    for probe in probes::all() {
        match find(probe, "record_header") {
            Some(header) => assert_eq!(header, ours, "{}", probe.name),
            None => assert!(!probe.tables.is_empty(), "no record_header in {}", probe.name),
        }
    }
}

#[test]
fn a_tcp_connect_is_laid_out_as_in_c() {
    let ours = layout_of!(
        TcpConnectRecord,
        header,
        took_ns,
        local,
        remote,
        local_port,
        remote_port,
        error,
        established,
        unused
    );
    assert_eq!(in_object(&probes::tcp_connect::PROBE, "tcp_connect_record"), ours);
}

#[test]
fn an_oom_kill_is_laid_out_as_in_c() {
    let ours = layout_of!(
        OomKillRecord,
        header,
        anon,
        file,
        shmem,
        limit,
        usage,
        own_limit,
        unused
    );
    assert_eq!(in_object(&probes::memory::PROBE, "oom_kill_record"), ours);
}

#[test]
fn execs_and_exits_are_laid_out_as_in_c() {
    let exec = layout_of!(ExecRecord, header, file);
    let exit = layout_of!(ExitRecord, header, lived_ns, code, signal, unused);
    assert_eq!(in_object(&probes::process::PROBE, "exec_record"), exec);
    assert_eq!(in_object(&probes::process::PROBE, "exit_record"), exit);
}

#[test]
fn a_memory_sample_is_laid_out_as_in_c() {
    let ours = layout_of!(ResidentRecord, header, resident);
    assert_eq!(in_object(&probes::memory_sample::PROBE, "resident_record"), ours);
}

#[test]
fn a_row_of_a_table_has_the_key_and_the_words_that_c_counts_in() {
    let key = layout_of!(TableKey, unified, memory, sub);
    for probe in probes::all().iter().filter(|probe| !probe.tables.is_empty()) {
        assert_eq!(in_object(probe, "table_key"), key, "{}", probe.name);
    }
    let words = |probe, name| in_object(probe, name).size as usize / size_of::<u64>();
    assert_eq!(words(&probes::file::PROBE, "log2_histogram"), HISTOGRAM_WORDS);
    assert_eq!(
        words(&probes::cpu_sched::PROBE, "counted_histogram"),
        HISTOGRAM_WORDS + 1
    );
    let histogram = in_object(&probes::cpu_sched::PROBE, "counted_histogram").members;
    assert_eq!(
        histogram,
        [("histogram".to_owned(), 0), ("count".to_owned(), 320)].into()
    );
    assert_eq!(in_object(&probes::file::PROBE, "log2_histogram").members["sum_ns"], 0);
    assert_eq!(words(&probes::syscall::PROBE, "one_count"), 1);
    assert_eq!(words(&probes::net_flow::PROBE, "four_counts"), 4);
}

#[test]
fn a_dns_message_is_laid_out_as_in_c() {
    let key = layout_of!(QueryKey, cookie, question, id, local_port);
    assert_eq!(in_object(&probes::dns::PROBE, "query_key"), key);
    let ours = layout_of!(
        DnsRecord,
        header,
        took_ns,
        key,
        set,
        unused,
        remote,
        remote_port,
        message_len,
        copied,
        tcp,
        flags
    );
    assert_eq!(in_object(&probes::dns::PROBE, "dns_record"), ours);
}
