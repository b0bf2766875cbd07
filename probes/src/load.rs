//! Puts a probe's programs into the kernel, attaches them and reads what they send.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use aya::maps::{Map, MapData, PerCpuArray, RingBuf};
use aya::programs::{BtfTracePoint, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, sysconf};

use crate::calls::CLASSES;
use crate::cgroup;
use crate::error::LoadError;
use crate::iterate::{load_iterator, read_to_end, start_iterator};
use crate::probe::{Hook, Probe, Program, Reader};
use crate::record::{BadRecord, Sighting};
use crate::table::{Table, TableReader, monotonic_ns};

/// Bytes that the ring puts before each record (`BPF_RINGBUF_HDR_SZ`, kernel/bpf/ringbuf.c).
const RECORD_HEAD: u64 = 8;
/// Walks over open files rest this many times as long as they take.
const WALK_SHARE: u32 = 500;

static PAGE_SIZE: LazyLock<u64> = LazyLock::new(|| {
    let size = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| u64::try_from(size).ok()).unwrap_or(4096)
});

/// The running kernel's types, several megabytes of them: drop this once the probes are loaded.
pub struct Kernel {
    loader: EbpfLoader<'static>,
    btf: Btf,
}

/// A probe at work. Dropping it detaches its programs.
pub struct Loaded {
    probe: &'static Probe,
    ebpf: Ebpf,
    ring: Option<RingBuf<MapData>>,
    /// Bytes of the ring, and the most of them that one `drain` took since that was last asked.
    ring_len: u64,
    ring_peak: u64,
    lost: PerCpuArray<MapData, u64>,
    lost_told: Vec<u64>,
    tables: Vec<TableReader>,
    reader: Option<Box<dyn Reader>>,
    bad: BTreeMap<BadRecord, u64>,
    /// Kept between reads of an iterator.
    buffer: Vec<u8>,
    /// When the open files are walked again.
    walk_at: Instant,
}

impl Kernel {
    /// Reads the running kernel's types from `/sys/kernel/btf/vmlinux`.
    pub fn open() -> Result<Self, LoadError> {
        let btf = Btf::from_sys_fs().map_err(LoadError::NoBtf)?;
        let mut loader = EbpfLoader::new();
        loader.override_global("page_size", &*PAGE_SIZE, false);
        loader.override_global("syscall_classes", &*CLASSES, false);
        // Task storage has no reader in user space; the programs alone use it.
        loader.allow_unsupported_maps();
        Ok(Self { loader, btf })
    }

    /// Gives the probes loaded from now on rings of this many bytes instead of their own size; a power of two, at least
    /// one page. What does not fit until it is drained is lost and counted.
    pub fn set_ring_len(&mut self, bytes: u32) {
        self.loader.map_max_entries("records", bytes);
    }

    /// Makes the maps and fits the object to this kernel; where that fails, the object for older kernels.
    fn prepare(&mut self, probe: &Probe) -> Result<Ebpf, LoadError> {
        let error = match self.loader.load(probe.object) {
            Ok(ebpf) => return Ok(ebpf),
            Err(error) => error,
        };
        let older = crate::older_object(probe.name).map(|object| self.loader.load(object));
        older.and_then(Result::ok).ok_or_else(|| LoadError::Object {
            probe: probe.name,
            source: error.into(),
        })
    }

    /// Loads and attaches all programs of a probe, or none.
    pub fn load(&mut self, probe: &'static Probe) -> Result<Loaded, LoadError> {
        let name = probe.name;
        let mut ebpf = self.prepare(probe)?;
        for program in probe.programs {
            attach(&mut ebpf, probe, program, &self.btf)?;
        }
        // Maps are taken last: one that is dropped before the programs are loaded leaves them with a closed descriptor.
        let (ring, ring_len) = open_ring(&mut ebpf, probe)?;
        let lost = ebpf.take_map("lost").ok_or(LoadError::Missing {
            probe: name,
            part: "lost",
        })?;
        let tables = open_tables(&mut ebpf, probe)?;
        let reader = probe.reader.map(|open| open(&mut ebpf)).transpose()?;
        let mut loaded = Loaded {
            probe,
            ebpf,
            ring,
            ring_len,
            ring_peak: 0,
            lost: PerCpuArray::try_from(lost).map_err(|source| map_error(probe, "lost", source))?,
            lost_told: vec![0; probe.losses.len()],
            tables,
            reader,
            bad: BTreeMap::new(),
            buffer: Vec::new(),
            walk_at: Instant::now(),
        };
        loaded.walk_if_due()?;
        Ok(loaded)
    }
}

/// The ring of a probe that sends records, and its size in bytes.
fn open_ring(ebpf: &mut Ebpf, probe: &Probe) -> Result<(Option<RingBuf<MapData>>, u64), LoadError> {
    let failed = |source| map_error(probe, "records", source);
    let Some(map) = ebpf.take_map("records") else {
        return Ok((None, 0));
    };
    let len = match &map {
        Map::RingBuf(map) => map.info().map_err(failed)?.max_entries(),
        _ => 0,
    };
    Ok((Some(RingBuf::try_from(map).map_err(failed)?), len.into()))
}

fn open_tables(ebpf: &mut Ebpf, probe: &'static Probe) -> Result<Vec<TableReader>, LoadError> {
    let missing = |part| LoadError::Missing {
        probe: probe.name,
        part,
    };
    let mut open = |table: &'static Table| {
        let map = ebpf.take_map(table.map).ok_or_else(|| missing(table.map))?;
        TableReader::open(table, map).map_err(|source| map_error(probe, table.map, source))
    };
    probe.tables.iter().map(&mut open).collect()
}

fn map_error(probe: &Probe, map: &'static str, source: aya::maps::MapError) -> LoadError {
    let probe = probe.name;
    let source = Box::new(source);
    LoadError::Map { probe, map, source }
}

fn attach(ebpf: &mut Ebpf, probe: &Probe, program: &Program, btf: &Btf) -> Result<(), LoadError> {
    let missing = || LoadError::Missing {
        probe: probe.name,
        part: program.name,
    };
    let refused = |source: ProgramError| program.refused(source);
    let inner = ebpf.program_mut(program.name).ok_or_else(missing)?;
    match program.hook {
        Hook::Tracepoint(name) => {
            let tracepoint: &mut BtfTracePoint = inner.try_into().map_err(refused)?;
            tracepoint.load(name, btf).map_err(refused)?;
            let attached = tracepoint.attach();
            attached.map(|_| ()).map_err(|source| program.unattached(source))
        }
        Hook::Tasks => load_iterator(inner, "task", btf).map_err(refused),
        Hook::CgroupSkb(direction) => cgroup::attach_to_packets(inner, program, direction),
        Hook::CgroupSockAddr(_) => cgroup::attach_to_addresses(inner, program),
        Hook::Files => load_iterator(inner, "task_file", btf).map_err(refused),
    }
}

impl Loaded {
    /// The probe's description.
    #[must_use]
    pub fn probe(&self) -> &'static Probe {
        self.probe
    }

    /// Where its programs are attached.
    pub fn hooks(&self) -> impl Iterator<Item = Hook> {
        self.probe.programs.iter().map(|program| program.hook)
    }

    /// True for a probe that gives something only when [`Loaded::sample`] is called.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.probe.programs.iter().any(|program| program.hook == Hook::Tasks)
    }

    /// Hands over at most `most` records that wait in the ring; returns how many were taken, bad ones included.
    pub fn drain(&mut self, most: usize, mut see: impl FnMut(Sighting)) -> usize {
        let Some(ring) = &mut self.ring else { return 0 };
        let mut taken = 0;
        let mut bytes = 0;
        while taken < most
            && let Some(record) = ring.next()
        {
            taken += 1;
            bytes += (record.len() as u64).next_multiple_of(8) + RECORD_HEAD;
            match &mut self.reader {
                Some(reader) => count_bad(&mut self.bad, reader.read(&record, &mut see)),
                None => believe(self.probe, &mut self.bad, &record, &mut see),
            }
        }
        self.ring_peak = self.ring_peak.max(bytes);
        taken
    }

    /// The largest part of the ring that one [`Loaded::drain`] emptied since this was last asked, 0 to 1. A reader that comes
    /// every 10 ms loses nothing as long as this stays below 1.
    pub fn take_ring_peak(&mut self) -> Option<f64> {
        let peak = std::mem::take(&mut self.ring_peak);
        (self.ring_len > 0).then(|| (peak as f64 / self.ring_len as f64).min(1.0))
    }

    /// Time spent in its programs since they were loaded. Zero unless the kernel keeps statistics, which it does where
    /// `kernel.bpf_stats_enabled` is 1.
    #[must_use]
    pub fn run_time(&self) -> Duration {
        let infos = self.ebpf.programs().filter_map(|(_, program)| program.info().ok());
        infos.map(|info| info.run_time()).sum()
    }

    /// Runs the probe's iterators once and hands over what they say. Takes about 0.5 us a process.
    pub fn sample(&mut self, mut see: impl FnMut(Sighting)) -> Result<(), LoadError> {
        for program in self.probe.programs.iter().filter(|program| program.hook == Hook::Tasks) {
            let mut file = start_iterator(&mut self.ebpf, self.probe, program)?;
            let end = read_to_end(&mut file, &mut self.buffer).map_err(|source| LoadError::Read {
                probe: self.probe.name,
                source,
            })?;
            for record in self.buffer[..end].chunks(self.probe.sample_len.max(1)) {
                believe(self.probe, &mut self.bad, record, &mut see);
            }
        }
        Ok(())
    }

    /// Hands over what the probe's tables rose since they were last read, and what its reader has due. The first reading
    /// is since the load. Takes about a microsecond a row. What could not be read is told by the next reading.
    pub fn read_tables(&mut self, mut see: impl FnMut(Sighting)) -> Result<(), LoadError> {
        self.walk_if_due()?;
        for table in &mut self.tables {
            let read = table.read(&mut see);
            read.map_err(|source| map_error(self.probe, table.name(), source))?;
        }
        if let Some(reader) = &mut self.reader {
            reader.tick(monotonic_ns(), &mut see);
        }
        Ok(())
    }

    /// Whether this thread may read what the probe gives: a thread that gave up its capabilities may not be allowed to
    /// (`bpf()` needs `CAP_BPF` for everything before 5.19, where `kernel.unprivileged_bpf_disabled` is set).
    pub fn can_read(&mut self) -> bool {
        let counts = self.lost.get(&0, 0).is_ok();
        counts && (!self.is_sampled() || self.sample(|_| ()).is_ok()) && self.walk().is_ok()
    }

    /// Walks the open files of all processes for the programs that want it; about 0.3 us a file. Done so rarely that it
    /// takes less than a five-hundredth of the time.
    fn walk_if_due(&mut self) -> Result<(), LoadError> {
        let now = Instant::now();
        if now < self.walk_at {
            return Ok(());
        }
        let before = cpu_time();
        self.walk()?;
        self.walk_at = now + cpu_time().saturating_sub(before) * WALK_SHARE;
        Ok(())
    }

    fn walk(&mut self) -> Result<(), LoadError> {
        for program in self.probe.programs.iter().filter(|program| program.hook == Hook::Files) {
            let mut file = start_iterator(&mut self.ebpf, self.probe, program)?;
            read_to_end(&mut file, &mut self.buffer).map_err(|source| LoadError::Read {
                probe: self.probe.name,
                source,
            })?;
        }
        Ok(())
    }

    /// What was lost since this was last asked, by reason: full rings, and records that were not believed.
    pub fn take_losses(&mut self) -> Vec<(String, u64)> {
        let mut losses = Vec::new();
        for (slot, reason) in (0..).zip(self.probe.losses) {
            let Ok(counts) = self.lost.get(&slot, 0) else { continue };
            let total = counts.iter().sum::<u64>();
            let told = std::mem::replace(&mut self.lost_told[slot as usize], total);
            losses.push(((*reason).to_owned(), total.saturating_sub(told)));
        }
        let of_reader = self.reader.as_mut().map(|reader| reader.take_losses());
        losses.extend(
            of_reader
                .into_iter()
                .flatten()
                .map(|(reason, count)| (reason.to_owned(), count)),
        );
        let bad = std::mem::take(&mut self.bad);
        losses.extend(bad.into_iter().map(|(reason, count)| (reason.to_string(), count)));
        losses.retain(|(_, count)| *count > 0);
        losses
    }
}

fn believe(probe: &Probe, bad: &mut BTreeMap<BadRecord, u64>, record: &[u8], see: &mut impl FnMut(Sighting)) {
    match (probe.decode)(record) {
        Ok(sighting) => see(sighting),
        Err(reason) => count_bad(bad, Err(reason)),
    }
}

fn count_bad(bad: &mut BTreeMap<BadRecord, u64>, read: Result<(), BadRecord>) {
    if let Err(reason) = read {
        *bad.entry(reason).or_default() += 1;
    }
}

/// What this thread has used.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
