//! This process takes memory; the sample agrees with `/proc/self/statm`.

use correlator::Body;

use crate::watch::Watch;

const PAGE: f64 = 4096.0;

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    let ballast = vec![1_u8; 32 << 20];
    let sampled = watch.expect_ours("this process", |sighting| sighting.task.pid == 1)?;
    let statm = std::fs::read_to_string("/proc/self/statm").map_err(|error| error.to_string())?;
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    let resident = pages.unwrap_or_default() * PAGE;
    match sampled.body {
        Body::Gauge(bytes) if bytes > ballast.len() as f64 && (bytes - resident).abs() < 0.1 * resident => Ok(()),
        other => Err(format!("{other:?}, but {resident} bytes by statm")),
    }
}
