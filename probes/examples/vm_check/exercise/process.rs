//! A program starts and exits with 3; another is killed.

use correlator::{Body, Exit, Fact};
use probes::Sighting;

use crate::child;
use crate::watch::Watch;

pub(crate) fn exercise(watch: &mut Watch) -> Result<(), String> {
    let mut leaver = child::start(&["exit", "3"])?;
    leaver.wait().map_err(|error| error.to_string())?;
    let pid = leaver.id();
    watch.expect_ours("the exec", |sighting| is_exec(sighting, pid))?;
    watch.expect_ours("exit 3", |sighting| ended(sighting, pid, 3, 0))?;

    let mut sleeper = child::start(&["sleep"])?;
    let pid = sleeper.id();
    watch.expect_ours("the second exec", |sighting| is_exec(sighting, pid))?;
    sleeper
        .kill()
        .and_then(|()| sleeper.wait())
        .map_err(|error| error.to_string())?;
    watch.expect_ours("SIGKILL", |sighting| ended(sighting, pid, 0, 9))?;
    Ok(())
}

fn is_exec(sighting: &Sighting, pid: u32) -> bool {
    matches!(&sighting.body, Body::Fact(Fact::Exec(exec)) if (exec.pid, &*exec.file) == (pid, "/init"))
}

fn ended(sighting: &Sighting, pid: u32, code: u8, signal: u8) -> bool {
    let is_it = |exit: &Exit| (exit.pid, exit.code, exit.signal) == (pid, code, signal) && exit.lived.as_secs() < 60;
    matches!(&sighting.body, Body::Fact(Fact::Exit(exit)) if is_it(exit))
}
