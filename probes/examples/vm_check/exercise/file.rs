//! One write so large that the emulated processor needs more than ten milliseconds for it.

use std::fs::File;
use std::io::Write as _;

use correlator::Body;
use probes::file::SLOW_WRITES;

use crate::watch::Watch;

const PATH: &str = "/large";
const SIZE: usize = 64 << 20;

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    let written = File::create(PATH).and_then(|mut file| file.write_all(&vec![1; SIZE]));
    let removed = std::fs::remove_file(PATH);
    written
        .and(removed)
        .map_err(|error| format!("writing {PATH}: {error}"))?;
    watch.expect_ours("a slow write", |sighting| {
        let counted = matches!(&sighting.body, Body::Histogram(calls) if calls.counts.iter().sum::<u64>() > 0);
        sighting.signal == SLOW_WRITES && counted
    })?;
    Ok(())
}
