//! A process runs into the limit of its cgroup and is killed.

use correlator::{Body, Fact, OomKill};
use probes::Sighting;

use crate::child;
use crate::machine::write;
use crate::watch::{Watch, cgroup_id};

const CGROUP: &str = "/sys/fs/cgroup/oom";
const LIMIT: u64 = 16 << 20;
/// What a process may hold already when it moves into the cgroup, which is charged to the one it came from.
const BEFORE: u64 = 1 << 20;

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    std::fs::create_dir(CGROUP).map_err(|error| format!("{CGROUP}: {error}"))?;
    write(&format!("{CGROUP}/memory.max"), &LIMIT.to_string())?;
    let mut victim = child::start(&["eat", CGROUP])?;
    let pid = victim.id();
    victim.wait().map_err(|error| error.to_string())?;
    let sighting = watch.expect("the kill", |sighting| kill_of(sighting, pid).is_some())?;
    let Some(kill) = kill_of(&sighting, pid) else {
        return Err("no kill".to_owned());
    };
    judge(kill, &sighting)
}

fn judge(kill: &OomKill, sighting: &Sighting) -> Result<(), String> {
    let near = |bytes: u64| bytes > LIMIT / 2 && bytes <= LIMIT + BEFORE;
    // Before 6.8 the kernel names the victim by its process id only.
    let named = !kill.comm.is_empty();
    let whole = near(kill.anon) && kill.own_limit && sighting.task.unified == cgroup_id(CGROUP)?;
    if kill.limit == Some(LIMIT) && kill.usage.is_some_and(near) && (whole || !named) {
        Ok(())
    } else {
        Err(format!("wrong about the kill: {sighting:?}"))
    }
}

fn kill_of(sighting: &Sighting, pid: u32) -> Option<&OomKill> {
    match &sighting.body {
        Body::Fact(Fact::OomKill(kill)) if kill.pid == pid => Some(kill),
        _ => None,
    }
}
