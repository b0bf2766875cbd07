//! The command line.

mod shells;
mod values;

use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use correlator::LabelSelector;
use hyper::Uri;
use sniffers::k8s::LeaseName;

use crate::config::measure::url;
use crate::http::{Listen, listen};
use crate::{profile, selector};
pub(crate) use shells::Manual;
use shells::{COMPLETIONS, InsightId};
pub(crate) use values::{Color, DoctorOutput, Forecast, Output, Profile, Severity};

const EXIT_CODES: &str = "Exit codes: 0 done, also when the reader of the output went away and on the first Ctrl-C or SIGTERM; \
    1 it failed; 2 the command line is wrong; 3 findings at or above --fail-on; 4 `tapio doctor` found something that \
    fails; 130 second Ctrl-C.";

/// Tells what is wrong with a Kubernetes workload, why, what will happen next, and which kubectl command fixes it.
#[derive(Debug, Parser)]
#[command(name = "tapio", version, propagate_version = true, disable_help_subcommand = true, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// How output looks.
    pub(crate) fn look(&self) -> Look {
        match &self.command {
            Command::Sniff(sniff) => sniff.look,
            Command::Agent(agent) => agent.sniff.look,
            Command::Doctor(doctor) => doctor.look,
            _ => Look {
                color: Color::Auto,
                ascii: false,
            },
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch this node and the API server, and say what is wrong
    Sniff(Box<Sniff>),
    /// Watch this node as a `DaemonSet` does: without output on stdout unless asked, with metrics over HTTP
    Agent(Box<Agent>),
    /// Say what of tapio works on this machine and with this cluster, and what to do about the rest
    Doctor(Doctor),
    /// Show the manual page of an insight; without an id, the list
    Explain {
        /// Id of the insight, such as oom-killed
        #[arg(value_parser = InsightId, hide_possible_values = true)]
        id: Option<String>,
    },
    /// Print the script that completes tapio's command line in a shell
    #[command(after_help = COMPLETIONS)]
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Print a manual page, to be read with `man -l -`
    Man(Manual),
    /// Show the configuration that is in effect, or what the file may say
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Show the version
    Version,
}

/// The file is /etc/tapio/tapio.yaml unless --config names another. Flags go before TAPIO_* variables, these before the file.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print all of it as YAML, each value with where it comes from; takes the flags of `tapio sniff`
    View(Box<View>),
    /// Print the JSON schema of the file
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct View {
    /// As `tapio agent` has it, which listens unless told otherwise
    #[arg(long)]
    pub(crate) agent: bool,

    #[command(flatten)]
    pub(crate) sniff: Sniff,
}

#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Sniff {
    /// How insights are written to stdout [default: human; of the agent: not at all]
    #[arg(short, long, value_enum, env = "TAPIO_OUTPUT")]
    pub(crate) output: Option<Output>,

    /// Configuration file [default: /etc/tapio/tapio.yaml where it exists]; SIGHUP reads it again
    #[arg(long, value_name = "FILE", env = "TAPIO_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Read events from a recording instead of this machine
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "k8s_only", "ebpf_only", "duration"])]
    pub(crate) replay: Option<PathBuf>,

    /// With --replay: tell only the last part of it, such as 5m, and first what is open when that begins
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "replay")]
    pub(crate) since: Option<Duration>,

    /// Judge what `kubectl get -o json` or `-o yaml` wrote, as of that moment: a file, a folder of them, or - for stdin
    #[arg(
        long,
        value_name = "PATH",
        conflicts_with_all = ["replay", "record", "k8s_only", "ebpf_only", "duration", "kubeconfig"]
    )]
    pub(crate) k8s_dump: Option<PathBuf>,

    /// Write everything that was seen to a new recording
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,

    /// Watch the API server only
    #[arg(long, conflicts_with = "ebpf_only")]
    pub(crate) k8s_only: bool,

    /// Watch this node's kernel only (eBPF and cgroup files), without the API server
    #[arg(long, conflicts_with_all = ["namespace", "context", "kubeconfig"])]
    pub(crate) ebpf_only: bool,

    /// Which probes are loaded; what is not loaded costs nothing
    #[arg(long, value_enum, default_value_t = Profile::Standard, env = "TAPIO_PROFILE")]
    pub(crate) profile: Profile,

    /// With --profile custom: load this probe (repeatable); all when none is named
    #[arg(long, value_name = "NAME", value_parser = profile::names())]
    pub(crate) probe: Vec<String>,

    /// With --profile custom: do not load this probe (repeatable)
    #[arg(long, value_name = "NAME", value_parser = profile::names())]
    pub(crate) no_probe: Vec<String>,

    /// Size of each probe's ring buffer, a power of two from 64KiB to 1GiB; default: each probe's own
    #[arg(long, value_name = "SIZE", value_parser = profile::ring_size, env = "TAPIO_RING_SIZE")]
    pub(crate) ring_size: Option<u32>,

    /// Events moved into the correlator at once
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = batch_size, env = "TAPIO_BATCH_SIZE")]
    pub(crate) batch_size: usize,

    /// Only insights of this namespace (and of nodes and the cluster)
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// All namespaces (the default)
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub(crate) all_namespaces: bool,

    /// Only insights of pods with such labels, as kubectl takes them: app=web,tier!=cache,env in (a,b),!canary (and of
    /// nodes, the cluster, and what owns such pods)
    #[arg(short = 'l', long, value_name = "LABELS", value_parser = selector::parse, conflicts_with = "ebpf_only")]
    pub(crate) selector: Option<LabelSelector>,

    /// Only insights of containers with this name (and of whole pods, nodes and the cluster)
    #[arg(short, long, value_name = "NAME", conflicts_with = "ebpf_only")]
    pub(crate) container: Option<String>,

    /// Context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// Path of the kubeconfig; default KUBECONFIG, then ~/.kube/config, then the pod's service account
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Watch only this node and its pods at the API server
    #[arg(long, value_name = "NAME", env = "NODE_NAME")]
    pub(crate) node: Option<String>,

    /// Watch the API server only while this instance holds the Lease: of several with the same one, one watches
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = LeaseName::from_str, env = "TAPIO_LEADER_ELECT_LEASE",
          conflicts_with_all = ["node", "ebpf_only", "replay"])]
    pub(crate) leader_elect: Option<LeaseName>,

    /// Serve /metrics, /healthz and /readyz over HTTP, such as 127.0.0.1:9464, or :9464 for all addresses
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listen, env = "TAPIO_LISTEN",
          conflicts_with_all = ["replay", "k8s_dump"])]
    pub(crate) listen: Option<Listen>,

    /// Send insights as alerts to this Alertmanager, such as `http://alertmanager:9093` (repeatable, or with commas: each
    /// gets all)
    #[arg(long, value_name = "URL", value_parser = url, value_delimiter = ',', env = "TAPIO_ALERTMANAGER")]
    pub(crate) alertmanager: Vec<Uri>,

    /// Send each insight as JSON by POST to this address
    #[arg(long, value_name = "URL", value_parser = url, env = "TAPIO_WEBHOOK")]
    pub(crate) webhook: Option<Uri>,

    /// Send insights as log records, and metrics, to this OpenTelemetry collector, such as `http://collector:4318`
    #[arg(long, value_name = "URL", value_parser = url, env = "TAPIO_OTLP")]
    pub(crate) otlp: Option<Uri>,

    /// Stop after this long, such as 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,

    /// What forecasts rest on: the table of trees, or the first-passage time alone
    #[arg(long, value_enum, default_value_t = Forecast::Trees, env = "TAPIO_FORECAST")]
    pub(crate) forecast: Forecast,

    /// Where it is kept how far OOM forecasts came true here: read at the start if it exists, written every ten minutes and
    /// at the end of a live run. Without it each run starts with what was learnt in the lab
    #[arg(long, value_name = "FILE", env = "TAPIO_CALIBRATION")]
    pub(crate) calibration: Option<PathBuf>,

    /// With --replay: write what the recording teaches to the --calibration too
    #[arg(long, requires = "replay")]
    pub(crate) learn: bool,

    /// Exit with 3 when an insight is at least this severe
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Severity>,

    /// On stderr only what is wrong: no progress, no summary
    #[arg(short, long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) look: Look,
}

/// How output looks, for all commands that have colours and marks.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Look {
    /// When to use colour
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,

    /// ASCII only, as in a locale that is not UTF-8
    #[arg(long)]
    pub(crate) ascii: bool,
}

/// Where the agent listens unless told otherwise.
pub(crate) const AGENT_LISTENS: &str = ":9464";

/// Runs until SIGTERM, then says on stderr what was done and exits with 0.
#[derive(Debug, Args)]
#[command(
    mut_arg("listen", |listen| listen.default_value(AGENT_LISTENS)),
    mut_arg("replay", |replay| replay.hide(true).value_parser(watches_only::<PathBuf>)),
    mut_arg("since", |since| since.hide(true)),
    mut_arg("k8s_dump", |dump| dump.hide(true).value_parser(watches_only::<PathBuf>)),
    mut_arg("fail_on", |fail_on| fail_on.hide(true).value_parser(watches_only::<Severity>)),
)]
pub(crate) struct Agent {
    #[command(flatten)]
    pub(crate) sniff: Sniff,
}

/// Loads and attaches every probe for a moment and asks the API server what may be listed. Exits with 4 when something
/// that tapio needs does not work.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// How the report is written to stdout
    #[arg(short, long, value_enum, default_value_t = DoctorOutput::Human)]
    pub(crate) output: DoctorOutput,

    /// Look at the API server only
    #[arg(long, conflicts_with = "ebpf_only")]
    pub(crate) k8s_only: bool,

    /// Look at this machine only
    #[arg(long, conflicts_with_all = ["namespace", "context", "kubeconfig"])]
    pub(crate) ebpf_only: bool,

    /// Look only at what is needed to watch this namespace
    #[arg(short, long, value_name = "NAME", env = "TAPIO_NAMESPACE")]
    pub(crate) namespace: Option<String>,

    /// Context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// Path of the kubeconfig; default KUBECONFIG, then ~/.kube/config, then the pod's service account
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// The --leader-elect of `tapio sniff`: whether this Lease may be held is asked, and nothing is written
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = LeaseName::from_str, env = "TAPIO_LEADER_ELECT_LEASE",
          conflicts_with = "ebpf_only")]
    pub(crate) leader_elect: Option<LeaseName>,

    /// The --config of `tapio sniff`
    #[arg(long, value_name = "FILE", env = "TAPIO_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// The --profile of `tapio sniff`: what a probe beyond it needs may be missing
    #[arg(long, value_enum, env = "TAPIO_PROFILE")]
    pub(crate) profile: Option<Profile>,

    /// The --calibration of `tapio sniff`
    #[arg(long, value_name = "FILE", env = "TAPIO_CALIBRATION")]
    pub(crate) calibration: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) look: Look,
}

fn watches_only<T>(_: &str) -> Result<T, String> {
    Err("the agent only watches what happens now; `tapio sniff` has this flag".to_owned())
}

fn batch_size(text: &str) -> Result<usize, String> {
    let most = 100_000;
    match text.parse() {
        Ok(size) if (1..=most).contains(&size) => Ok(size),
        _ => Err(format!("give a number of events from 1 to {most}")),
    }
}

/// A positive time with its unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let parsed: Option<jiff::SignedDuration> = text.parse().ok();
    let length = parsed
        .and_then(|length| Duration::try_from(length).ok())
        .filter(|length| !length.is_zero());
    length.ok_or_else(|| "give a positive time with its unit, such as 30s, 5m or 1h30m".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn durations_need_a_unit_and_are_positive() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        for bad in ["", "5", "-5s", "0s", "soon"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }
}
