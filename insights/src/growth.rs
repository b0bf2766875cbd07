//! How a resource grew and what it survived, in words: the evidence of a forecast.

use std::time::Duration;

use correlator::{Fill, HORIZONS};

use crate::forecast::LevelStatistics;
use crate::phrase::{count, duration, percent};

/// The level over the whole of horizon `k` is `k + 2`.
const WHOLE: usize = 2;
/// The slope of the last quarter that is told as faster or slower: this many times that of the whole.
const FASTER: f64 = 1.5;
const SLOWER: f64 = 0.5;
/// A group of features is told when it moves the odds by more than this.
const TELLING: f64 = 0.3;
/// The smallest growth worth a sentence: this share of the capacity within the horizon.
const NOTICED: f64 = 0.005;

/// Units of a resource, and how to write them.
pub(crate) type Written = fn(f64) -> String;

/// `it grew by 22 MiB a minute over the last 8m32s, faster at the end`. `None` while it does not grow.
pub(crate) fn trend(fill: &Fill, horizon: usize, capacity: f64, written: Written) -> Option<String> {
    let (recent, whole) = (statistics(fill, horizon), statistics(fill, horizon + WHOLE));
    let told = whole.or(recent)?;
    let span = told.width * told.buckets as f64;
    if told.slope * span < NOTICED {
        return None;
    }
    let pace = match recent
        .filter(|_| whole.is_some())
        .map(|recent| recent.slope / told.slope)
    {
        Some(ratio) if ratio >= FASTER => ", faster at the end",
        Some(ratio) if ratio <= SLOWER => ", slower at the end",
        _ => "",
    };
    Some(format!(
        "it grew by {} a minute over the last {}{pace}",
        written(told.slope * capacity * 60.0),
        duration(Duration::from_secs_f64(span)),
    ))
}

/// `survived 7 peaks at 82 %` or `higher than ever before`; `None` when neither says anything.
pub(crate) fn peaks(fill: &Fill) -> Option<String> {
    let used = f64::from(fill.now().used);
    let survived = fill.peaks().mean().map(|mean| {
        let number = usize::try_from(fill.peaks().count()).unwrap_or(usize::MAX);
        format!("it survived {} at {}", count(number, "peak"), percent(mean))
    });
    let is_highest = used >= f64::from(fill.highest()) * 0.999;
    match survived {
        Some(survived) if is_highest => Some(format!("{survived}, and is higher now than ever before")),
        None if is_highest && fill.age() >= HORIZONS[2] => Some(format!(
            "it is as high as it ever was in the {} it was watched",
            duration(fill.age())
        )),
        survived => survived,
    }
}

/// `most for it: how it grows; most against it: what it did before`, from what each part of the evidence adds.
pub(crate) fn reasons(reasons: &[(&'static str, f64)]) -> Option<String> {
    let (first, last) = (reasons.first()?, reasons.last()?);
    let mut parts = Vec::new();
    if first.1 > TELLING {
        parts.push(format!("for it speaks most {}", first.0));
    }
    if last.1 < -TELLING {
        parts.push(format!("against it {}", last.0));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn statistics(fill: &Fill, level: usize) -> Option<LevelStatistics> {
    LevelStatistics::of(&fill.window(level))
}
