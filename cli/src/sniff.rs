//! `tapio sniff`: live from this machine, or from a recording or dump.

use std::cell::RefCell;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ArgMatches;
use correlator::{Body, Event, Fact, Severity};
use sniffers::recording::{Header, Recorder, RecorderThread, host_facts};
use sniffers::{Context, EventSender, Manager, Sniffer, clock};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::args::{Forecast, Output, Sniff};
use crate::calibration::{self, Keeper};
use crate::collector::Collector;
use crate::config::{self, Loader, Reload};
use crate::dump;
use crate::http::board::Board;
use crate::http::{self, Exporter};
use crate::metrics::{Metrics, Reloads, Vitals};
use crate::notices::Notices;
use crate::output;
use crate::scope::Scope;
use crate::session::{Done, Session};
use crate::sinks::Sinks;
use crate::stop::Signals;
use crate::{replay, sources, stderr};

/// How often time is moved on.
const TICK: Duration = Duration::from_millis(100);
/// Events that may wait for the engine.
const QUEUE: usize = 65_536;
/// Events and ticks that may wait for the recorder.
const RECORDER_QUEUE: usize = 65_536;
/// Exit code when an insight reached `--fail-on`.
const FINDINGS: u8 = 3;

/// Runs it; without an output, insights are not written to stdout.
pub(crate) fn run(sniff: &Sniff, matches: &ArgMatches, output: Option<Output>) -> Result<ExitCode> {
    let loader = Loader::new(sniff, matches);
    let settings = loader.load()?;
    let mut sniff = sniff.clone();
    settings.apply(&mut sniff)?;
    let scope = Scope {
        context: sniff.context.clone(),
        labels: sniff.selector.clone(),
        container: sniff.container.clone(),
    };
    stderr::begin(sniff.quiet);
    let forecaster = match sniff.forecast {
        Forecast::Trees => insights::forecaster(),
        Forecast::ClosedForm => insights::closed_form(),
    };
    let (model, path) = (forecaster.name(), sniff.calibration.as_deref());
    let calibration = path.map(|path| calibration::take_up(path, &model)).transpose()?;
    let calibration = calibration.unwrap_or_default();
    let mut session = Session::new(settings.clone(), forecaster, calibration, scope);
    if sniff.learn {
        let path = path
            .context("--learn has no file to write to: give --calibration FILE, or calibration in the configuration")?;
        session.keep(Keeper::new(path, model.clone())?);
    }
    if let Some(output) = output {
        session.show(output::writer(output));
    }
    let sinks = sinks(&sniff, &loader, settings.config.sinks.clone())?;
    let done = match (&sniff.replay, &sniff.k8s_dump) {
        (Some(path), _) => replay::run(path, sniff.since, sinks.shown_to(session)?)?,
        (None, Some(path)) => dump::run(path, sinks.shown_to(session)?)?,
        (None, None) => live(&sniff, Reload::new(loader, settings), model, session, sinks)?,
    };
    Notices::new().done(&done);
    let (bound, worst) = (sniff.fail_on.map(Severity::from), done.tally.worst());
    let found = bound.is_some_and(|bound| worst.is_some_and(|worst| worst >= bound));
    Ok(if found {
        ExitCode::from(FINDINGS)
    } else {
        ExitCode::SUCCESS
    })
}

/// The sinks of this run.
fn sinks(sniff: &Sniff, loader: &Loader, config: config::sinks::Sinks) -> Result<Sinks> {
    if sniff.replay.is_none() && sniff.k8s_dump.is_none() {
        return Sinks::prepare(config);
    }
    let (named, others) = loader.sinks_of_the_past(config);
    Notices::new().not_sent(&others);
    Sinks::prepare(named)
}

fn live(sniff: &Sniff, reload: Reload, model: String, mut session: Session, sinks: Sinks) -> Result<Done> {
    let listener = sniff.listen.map(http::bind).transpose()?;
    // The file is made with all privileges and written without.
    let recorder = sniff.record.as_deref().map(recorder).transpose()?;
    stderr::progress("starting: attaching the probes");
    let sniffers = sources::of(sniff, reload.config())?;
    // It is written to the end, with the privileges that are left by now.
    if let Some(path) = &sniff.calibration {
        session.keep(Keeper::new(path, model)?);
    }
    if let Some(recorder) = recorder {
        session.record(RecorderThread::start(recorder, RECORDER_QUEUE)?);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime
        .context("starting the runtime")?
        .block_on(watch(sniff, reload, sniffers, session, listener, sinks))
}

fn recorder(path: &Path) -> Result<Recorder> {
    let host = host_facts(Path::new("/"));
    let header = Header {
        tapio: env!("CARGO_PKG_VERSION").to_owned(),
        node: host.node,
        boot_id: host.boot_id,
        kernel: host.kernel,
        started: clock::now(),
        ..Header::default()
    };
    Ok(Recorder::create(path, header)?)
}

async fn watch(
    sniff: &Sniff,
    mut reload: Reload,
    sniffers: Vec<Box<dyn Sniffer>>,
    mut session: Session,
    listener: Option<TcpListener>,
    sinks: Sinks,
) -> Result<Done> {
    let mut signals = Signals::catch()?;
    let (events, mut queue) = EventSender::bounded(QUEUE);
    let cx = Context {
        events,
        pods: sources::pid_map(sniff.k8s_only),
        stop: CancellationToken::new(),
    };
    let watching = (!sniff.k8s_only).then(|| sources::keep_up_to_date(&cx.pods));
    let mut notices = Notices::new();
    notices.start(&sniffers);
    let hangups = if reload.is_wanted() {
        Some(signal(SignalKind::hangup()).context("handling SIGHUP")?)
    } else {
        None
    };
    let server = show(listener, sinks, reload.reloads(), &cx, &sniffers, &mut session)?;
    let needs_all = sniff.ebpf_only || sniff.k8s_only;
    let mut manager = Manager::start(sniffers, &cx);
    let ended = tokio::select! {
        () = pump(&cx, &mut queue, &mut session, &mut notices, hangups, &mut reload) => Ended::Broken,
        () = signals.asked(sniff.duration) => Ended::Asked,
        () = manager.too_few(needs_all) => Ended::NothingToWatch,
    };
    tokio::spawn(signals.exit_when_asked_again());
    manager.stop().await;
    drop(watching);
    tracing::debug!(stats = ?cx.pods.stats(), "The pid map is done.");
    drain(&cx, &mut queue, &mut session, &mut notices);
    session.tick(clock::now());
    let done = session.finish();
    if let Some(server) = server {
        server.await.context("serving HTTP")?.context("serving HTTP")?;
    }
    match ended {
        Ended::NothingToWatch => bail!("there is nothing left to watch; mend one of the above, or replay a recording"),
        Ended::Asked | Ended::Broken => done,
    }
}

/// Shows what the session sees to sinks, and to those who ask over HTTP. What only these need is collected for them alone.
fn show(
    listener: Option<TcpListener>,
    sinks: Sinks,
    reloads: Arc<Reloads>,
    cx: &Context,
    sniffers: &[Box<dyn Sniffer>],
    session: &mut Session,
) -> Result<Option<JoinHandle<io::Result<()>>>> {
    let vitals = Vitals {
        health: cx.events.health().clone(),
        pods: Arc::clone(&cx.pods),
        started: clock::now(),
        sinks: sinks.standings(),
        reloads,
    };
    let metrics = Rc::new(RefCell::new(Metrics::live(vitals)));
    if listener.is_some() || sinks.wants_metrics() {
        session.show(Box::new(Collector(Rc::clone(&metrics))));
    }
    if !sinks.is_empty() {
        session.show(Box::new(sinks.start(Some(Rc::clone(&metrics)))?));
    }
    listener
        .map(|listener| serve(listener, metrics, cx, sniffers, session))
        .transpose()
}

/// Serves what the session sees over HTTP until the sniffers are told to stop.
fn serve(
    listener: TcpListener,
    metrics: Rc<RefCell<Metrics>>,
    cx: &Context,
    sniffers: &[Box<dyn Sniffer>],
    session: &mut Session,
) -> Result<JoinHandle<io::Result<()>>> {
    let address = listener.local_addr().context("the address of the HTTP socket")?;
    Notices::new().serving(address);
    let board = Arc::new(Board::new());
    let health = cx.events.health().clone();
    let names = sniffers.iter().map(|sniffer| sniffer.name());
    session.show(Box::new(Exporter::new(Arc::clone(&board), metrics, health, names)));
    Ok(tokio::spawn(http::serve(listener, board, cx.stop.clone())))
}

/// Why a live run ended.
enum Ended {
    Asked,
    NothingToWatch,
    Broken,
}

/// Hands events and ticks to the session until writing fails.
async fn pump(
    cx: &Context,
    queue: &mut Receiver<Event>,
    session: &mut Session,
    notices: &mut Notices,
    mut hangups: Option<Signal>,
    reload: &mut Reload,
) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    while !session.is_broken() {
        tokio::select! {
            _ = ticks.tick() => {}
            () = hung_up(&mut hangups) => {
                read_again(reload, session, notices);
                continue;
            }
        }
        drain(cx, queue, session, notices);
        session.tick(clock::now());
        notices.recorder(session.recorder_error());
    }
}

/// Returns on each SIGHUP, or never where it is not handled.
async fn hung_up(hangups: &mut Option<Signal>) {
    let is_said = match hangups {
        Some(signals) => signals.recv().await.is_some(),
        None => false,
    };
    if !is_said {
        std::future::pending::<()>().await;
    }
}

/// Takes over what the configuration says now, or says why not.
fn read_again(reload: &mut Reload, session: &mut Session, notices: &Notices) {
    match reload.reload() {
        Ok((settings, needs_restart)) => {
            session.configure(settings);
            notices.reloaded(&needs_restart);
        }
        Err(error) => notices.not_reloaded(&error),
    }
}

/// Hands over everything that waits, and what was dropped for want of room.
fn drain(cx: &Context, queue: &mut Receiver<Event>, session: &mut Session, notices: &mut Notices) {
    hand_over(queue, session, notices);
    let dropped = cx.events.take_dropped();
    if dropped > 0 {
        cx.events
            .lost(clock::now(), "queue", "the engine did not keep up", dropped);
        hand_over(queue, session, notices);
    }
}

fn hand_over(queue: &mut Receiver<Event>, session: &mut Session, notices: &mut Notices) {
    for _ in 0..queue.len() {
        let Ok(event) = queue.try_recv() else { break };
        if let Body::Fact(fact @ (Fact::Blind(_) | Fact::Sighted { .. })) = &event.body {
            notices.sight(fact);
        }
        session.event(event);
    }
}
