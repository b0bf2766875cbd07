//! How runs end: exit codes, signals, readers that go away, and what is told on stderr meanwhile.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use correlator::Timestamp;
use fixtures::apiserver::{ApiServer, Fault};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sniffers::recording::{Header, Recorder};
use tempfile::TempDir;

fn tapio(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapio"));
    command.args(arguments).env("LC_ALL", "C").env("TERM", "xterm");
    command.env_remove("KUBECONFIG").env_remove("NODE_NAME");
    command
}

fn recording(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/recordings");
    folder.join(name).to_str().unwrap().to_owned()
}

/// A recording of so many hours in which nothing happens.
fn long_recording(hours: u64) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long");
    let mut recorder = Recorder::create(&path, Header::default()).unwrap();
    for tick in 0..hours * 36_000 {
        recorder.tick(Timestamp::from_nanos(tick * 100_000_000)).unwrap();
    }
    recorder.finish().unwrap();
    let text = path.to_str().unwrap().to_owned();
    (folder, text)
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

/// Waits for the end, at most twenty seconds.
fn end(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    panic!("it does not end");
}

/// A live run beside an API server, from when it watches; and what it says on stderr from then on.
fn live(api: &ApiServer, folder: &TempDir, arguments: &[&str]) -> (Child, BufReader<std::process::ChildStderr>) {
    let kubeconfig: PathBuf = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, api.kubeconfig()).unwrap();
    let mut command = tapio(&["sniff", "--k8s-only", "--kubeconfig", kubeconfig.to_str().unwrap()]);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("watching") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended before it watched");
    }
    (child, said)
}

#[test]
fn the_first_signal_flushes_says_what_was_done_and_is_no_failure() {
    let api = ApiServer::start().unwrap();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let folder = tempfile::tempdir().unwrap();
        let (mut child, mut said) = live(&api, &folder, &["-o", "json"]);
        send(&child, signal);
        assert_eq!(end(&mut child).code(), Some(0), "{signal}");
        let (mut stdout, mut stderr) = (String::new(), String::new());
        child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        said.read_to_string(&mut stderr).unwrap();
        assert!(stdout.contains(r#"{"summary":"#), "{stdout}");
        assert!(
            stderr.contains("Stats: Events: ") && stderr.contains("| Time: "),
            "{stderr}"
        );
    }
}

/// Waits until the main thread has slept for a while: replaying, it never waits for anything but its output.
fn until_it_hangs(child: &Child) {
    let stat = format!("/proc/{0}/task/{0}/stat", child.id());
    let mut slept = 0;
    while slept < 10 {
        let text = std::fs::read_to_string(&stat).unwrap();
        slept = if text.contains(") S ") { slept + 1 } else { 0 };
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_second_ctrl_c_ends_at_once_with_130() {
    // A pipe that holds less than what is said, and that nobody reads: the replay hangs.
    let (_reader, writer) = std::io::pipe().unwrap();
    fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    let mut command = tapio(&["sniff", "-o", "json", "--replay", &recording("incident.tapio.zst")]);
    let mut child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    said.read_line(&mut String::new()).unwrap();
    until_it_hangs(&child);
    send(&child, Signal::SIGINT);
    std::thread::sleep(Duration::from_millis(300));
    assert!(
        child.try_wait().unwrap().is_none(),
        "the first waits for what is being written"
    );
    send(&child, Signal::SIGINT);
    assert_eq!(end(&mut child).code(), Some(130));
}

#[test]
fn ctrl_c_ends_a_replay_in_order() {
    let (_folder, path) = long_recording(1);
    let mut child = tapio(&["sniff", "-o", "json", "--replay", &path])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    said.read_line(&mut String::new()).unwrap();
    send(&child, Signal::SIGINT);
    assert_eq!(end(&mut child).code(), Some(0));
    let (mut stdout, mut stderr) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    said.read_to_string(&mut stderr).unwrap();
    assert!(stdout.starts_with(r#"{"summary":"#), "{stdout}");
    assert!(
        stderr.contains("Stats: Events: 0") && !stderr.contains("Time: 1h00m"),
        "{stderr}"
    );
}

/// Runs it in a shell that stops reading after the first byte, and says how tapio ended and what it said on stderr.
fn read_one_byte_of(arguments: &[&str]) -> Output {
    let script = "{ \"$TAPIO\" \"$@\"; echo \"ended with $?\" >&2; } | head -c 1 >/dev/null";
    let mut bash = Command::new("bash");
    bash.args(["-c", script, "bash"]).args(arguments);
    bash.env("TAPIO", env!("CARGO_BIN_EXE_tapio")).env("LC_ALL", "C");
    bash.output().unwrap()
}

#[test]
fn a_reader_that_goes_away_ends_every_command_quietly_with_0() {
    let incident = recording("incident.tapio.zst");
    let api = ApiServer::start().unwrap();
    api.fail("pods", Fault::Forbidden, fixtures::apiserver::ALWAYS);
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(kubeconfig.path(), api.kubeconfig()).unwrap();
    let kubeconfig = kubeconfig.path().to_str().unwrap();
    let mut commands = vec![
        vec!["explain"],
        vec!["explain", "oom-killed"],
        vec!["man", "sniff"],
        vec!["doctor", "--k8s-only", "--kubeconfig", kubeconfig],
        vec!["doctor", "-o", "json", "--k8s-only", "--kubeconfig", kubeconfig],
    ];
    commands.extend(
        ["human", "wide", "json", "yaml", "prometheus"]
            .map(|output| vec!["sniff", "-q", "-o", output, "--replay", &incident]),
    );
    commands.extend(["bash", "zsh", "fish", "powershell", "elvish"].map(|shell| vec!["completion", shell]));
    for command in commands {
        let out = read_one_byte_of(&command);
        let said = String::from_utf8(out.stderr).unwrap();
        // The doctor has written its few lines before the reader goes away, or not.
        let quiet = said == "ended with 0\n" || (command[0] == "doctor" && said == "ended with 4\n");
        assert!(quiet, "{command:?}: {said}");
    }
}

#[test]
fn a_closed_stdout_is_told_from_one_that_cannot_be_written() {
    let full = |arguments: &[&str]| {
        let file = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        tapio(arguments).stdout(file).output().unwrap()
    };
    let out = full(&["sniff", "--replay", &recording("incident.tapio.zst")]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("tapio: writing to stdout: No space left"), "{said}");
}

#[test]
fn a_reader_of_stderr_that_goes_away_is_no_reason_to_end() {
    let script = "{ \"$TAPIO\" sniff -o json --replay \"$1\" 2>&1 >\"$2\"; echo $? >>\"$2\"; } | true";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let mut bash = Command::new("bash");
    bash.args(["-c", script, "bash", &recording("incident.tapio.zst")])
        .arg(&path);
    bash.env("TAPIO", env!("CARGO_BIN_EXE_tapio")).output().unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written.contains(r#"{"summary":"#) && written.ends_with("\n0\n"),
        "{written}"
    );
}

#[test]
fn each_way_to_end_has_its_code() {
    let incident = recording("incident.tapio.zst");
    let code = |arguments: &[&str]| tapio(arguments).output().unwrap().status.code();
    assert_eq!(code(&["sniff", "--replay", &incident]), Some(0));
    assert_eq!(code(&["sniff", "--replay", "/nonexistent"]), Some(1));
    assert_eq!(code(&["sniff", "--nonsense"]), Some(2));
    assert_eq!(
        code(&["sniff", "--replay", &incident, "--fail-on", "critical"]),
        Some(3)
    );
    let nowhere = ["doctor", "--k8s-only", "--kubeconfig", "/nonexistent"];
    assert_eq!(code(&nowhere), Some(4));
}

/// Runs it on a terminal that `script` makes, and gives back what stood there, with how it moved.
fn on_a_terminal(command: &str) -> String {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut script = Command::new("script");
    script
        .args(["-qec", command])
        .arg(log.path())
        .env("TERM", "xterm")
        .env("LC_ALL", "C");
    let out = script.stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[test]
fn a_long_replay_tells_how_far_it_is_on_a_terminal_only_and_cleans_up() {
    let (_folder, path) = long_recording(2);
    let tapio = env!("CARGO_BIN_EXE_tapio");
    let shown = on_a_terminal(&format!("{tapio} sniff --replay {path}"));
    let (_, after) = shown.rsplit_once("replaying: ").unwrap();
    assert!(after.contains(" %, 0 events, 1970-01-01T0"), "{shown:?}");
    assert!(after.contains("\r\u{1b}[2K") && after.contains("Stats: "), "{shown:?}");
    for quiet in [
        format!("{tapio} sniff -q --replay {path}"),
        format!("TERM=dumb {tapio} sniff --replay {path}"),
    ] {
        assert!(!on_a_terminal(&quiet).contains("replaying"), "{quiet}");
    }
    let piped = self::tapio(&["sniff", "--replay", &path]).output().unwrap();
    assert!(!String::from_utf8(piped.stderr).unwrap().contains("replaying"));
}

#[test]
fn the_start_of_a_live_run_tells_what_it_waits_for_and_cleans_up() {
    let api = ApiServer::start().unwrap();
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(kubeconfig.path(), api.kubeconfig()).unwrap();
    let (tapio, path) = (env!("CARGO_BIN_EXE_tapio"), kubeconfig.path().display());
    let shown = on_a_terminal(&format!("{tapio} sniff --k8s-only --duration 2s --kubeconfig {path}"));
    let after = shown.rsplit_once("starting: k8s").unwrap().1;
    assert!(after.starts_with("\r\u{1b}[2K+ k8s: watching"), "{shown:?}");
}

#[test]
fn quiet_says_only_what_is_wrong() {
    let said = |arguments: &[&str]| String::from_utf8(tapio(arguments).output().unwrap().stderr).unwrap();
    let incident = recording("incident.tapio.zst");
    assert_eq!(said(&["sniff", "--quiet", "--replay", &incident]), "");
    assert!(said(&["sniff", "--quiet", "--replay", "/nonexistent"]).contains("there is no recording"));
}

#[test]
fn the_summary_counts_insights_by_the_worst_they_reached() {
    let out = tapio(&["sniff", "-o", "json", "--replay", &recording("incident.tapio.zst")])
        .output()
        .unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(
        said.contains("| Dropped: 0 | Insights: 4 (3 critical, 1 warning) |") && said.contains("| Time: 1m52s"),
        "{said}"
    );
}
