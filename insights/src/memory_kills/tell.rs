//! The kills of a container, as people read them.

use std::time::Duration;

use correlator::{ContainerView, Fact, Insight, Series, Source, signals};

use super::{Kill, Kills};
use crate::phrase::{bytes, count, duration};

/// Growth that was watched for less than this says nothing.
const WATCHED: Duration = Duration::from_secs(5);

/// `app (pid 4242, 512 MiB anonymous memory)`, and how many died with it.
pub(crate) fn victim(kill: &Kill<'_>) -> String {
    let victim = kill.victim;
    let name = if victim.comm.is_empty() {
        "process"
    } else {
        &*victim.comm
    };
    let memory = if victim.comm.is_empty() {
        String::new()
    } else {
        format!(", {} anonymous memory", bytes(victim.anon as f64))
    };
    let others = if kill.others > 0 {
        format!(" and {} more with it", kill.others)
    } else {
        String::new()
    };
    format!("{name} (pid {}{memory}){others}", victim.pid)
}

/// How the unreclaimable memory of the killed run grew, when it was watched long enough.
pub(crate) fn growth(container: &ContainerView<'_>) -> Option<String> {
    let series = container.runs.iter().rev().find_map(|run| {
        let series = run.history.series(&signals::MEMORY_UNRECLAIMABLE)?;
        run.history
            .facts()
            .any(|(_, fact)| matches!(fact, Fact::OomKill(_)))
            .then_some(series)
    })?;
    grew(series)
}

fn grew(series: &Series) -> Option<String> {
    let first = series.buckets().next()?;
    let top = series.buckets().max_by(|a, b| a.max.total_cmp(&b.max))?;
    let took = top.at.since(first.at);
    (took >= WATCHED && top.max > first.min).then(|| {
        format!(
            "memory it cannot give back grew from {} to {} in {}",
            bytes(first.min),
            bytes(top.max),
            duration(took)
        )
    })
}

/// What all witnesses say, oldest first.
pub(crate) fn evidence(mut insight: Insight, kills: &Kills<'_>, container: &ContainerView<'_>) -> Insight {
    for kill in &kills.kernel {
        insight = insight.because(kill.at, Source::Kernel, chosen(kill));
    }
    for (at, counted) in &kills.counted {
        let says = format!(
            "the cgroup counted {}",
            count(usize::try_from(*counted).unwrap_or(usize::MAX), "OOM kill")
        );
        insight = insight.because(*at, Source::Cgroup, says);
    }
    for end in &kills.stated {
        let says = format!(
            "container {} ended: {}, exit code {}",
            container.key(),
            end.reason,
            end.exit_code
        );
        insight = insight.because(end.finished.unwrap_or_default(), Source::Kubernetes, says);
    }
    insight.evidence.sort_by_key(|evidence| evidence.at);
    insight
}

fn chosen(kill: &Kill<'_>) -> String {
    let victim = kill.victim;
    let charged = match (victim.usage, victim.limit) {
        (Some(usage), Some(limit)) => {
            format!("cgroup at {} of {}", bytes(usage as f64), bytes(limit as f64))
        }
        _ => "no cgroup at its limit".to_owned(),
    };
    let parts = format!(
        "anonymous {}, file {}, shared {}",
        bytes(victim.anon as f64),
        bytes(victim.file as f64),
        bytes(victim.shmem as f64)
    );
    let others = if kill.others > 0 {
        format!("; {} more processes were killed with it", kill.others)
    } else {
        String::new()
    };
    format!(
        "oom/mark_victim chose {} (pid {}): {parts}; {charged}{others}",
        victim.comm, victim.pid
    )
}
