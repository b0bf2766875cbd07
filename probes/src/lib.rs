//! The kernel side: BPF programs, how they attach, and how their bytes become records.
//!
//! One folder a probe: the C source, the object compiled from it by `probes/compile`, and a `mod.rs` that describes both.
//! `build.rs` lists the folders; nothing else names a probe.

mod calls;
mod cgroup;
mod error;
mod iterate;
mod load;
mod probe;
pub mod record;
pub mod table;

pub use error::LoadError;
pub use load::{Kernel, Loaded};
pub use probe::{Direction, Hook, OpenReader, Probe, Profile, Program, Reader};
pub use record::{BadRecord, Sighting, TaskIds};
pub use table::{Table, Values};

include!(concat!(env!("OUT_DIR"), "/probes.rs"));

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn every_folder_is_a_probe_of_the_same_name_with_a_committed_object() {
        let names: Vec<_> = super::all().iter().map(|probe| probe.name).collect();
        assert_eq!(
            names,
            [
                "cpu_sched",
                "dns",
                "file",
                "listen_queue",
                "memory",
                "memory_sample",
                "net_flow",
                "process",
                "syscall",
                "tcp_connect",
                "tcp_retransmit",
                "tcp_traffic"
            ]
        );
        for probe in super::all() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(probe.name);
            let object = std::fs::read(folder.join(format!("{}.bpf.o", probe.name))).unwrap();
            assert!(folder.join(format!("{}.bpf.c", probe.name)).is_file());
            assert_eq!(object, probe.object, "{}", probe.name);
        }
    }
}
