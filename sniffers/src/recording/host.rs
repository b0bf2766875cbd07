//! What a header says of the machine.

use std::fs;
use std::path::Path;

/// Name, boot and kernel of the machine, for a [`super::Header`]. Empty where the files cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Host name (`kernel/hostname`).
    pub node: String,
    /// Boot id (`kernel/random/boot_id`).
    pub boot_id: String,
    /// Kernel release (`kernel/osrelease`).
    pub kernel: String,
}

/// Reads them below `root`, which is `/` on a real machine. See `proc_sys_kernel(5)`.
#[must_use]
pub fn host_facts(root: &Path) -> HostFacts {
    let line = |name: &str| {
        let text = fs::read_to_string(root.join("proc/sys/kernel").join(name)).unwrap_or_default();
        text.trim().to_owned()
    };
    HostFacts {
        node: line("hostname"),
        boot_id: line("random/boot_id"),
        kernel: line("osrelease"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_come_from_below_the_root_and_are_empty_without_it() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(host_facts(root.path()), HostFacts::default());
        let folder = root.path().join("proc/sys/kernel");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("osrelease"), "6.18.0\n").unwrap();
        fs::write(folder.join("hostname"), "node-a\n").unwrap();
        let facts = host_facts(root.path());
        assert_eq!(
            (facts.node.as_str(), facts.kernel.as_str(), facts.boot_id.as_str()),
            ("node-a", "6.18.0", "")
        );
    }
}
