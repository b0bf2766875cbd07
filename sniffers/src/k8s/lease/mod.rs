//! Leader election: of several instances the one that holds a Lease watches, the others stand by.

mod candidate;
mod name;
mod trial;

use std::sync::Arc;

use correlator::Gap;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::random;
use super::connect::root_cause;
use super::gap::{Cause, cause};
use crate::clock;
use crate::sniffer::Context;
use candidate::Candidate;

pub(super) use candidate::Terms;
pub use name::LeaseName;
pub(super) use trial::trial;

/// The term of office that runs: set while this instance is the leader, cancelled when it is not any more.
pub(super) type Term = Option<CancellationToken>;

/// One who stands for election.
pub(super) struct Elector {
    api: Api<Lease>,
    lease: LeaseName,
    terms: Terms,
    candidate: Candidate,
    term: watch::Sender<Term>,
    cx: Context,
    /// What goes unseen while another one leads.
    what: Arc<str>,
    /// The last gap that was said.
    said: Option<Arc<str>>,
}

/// What became of one try.
enum Tried {
    Holds,
    HeldBy(String),
    /// Somebody else wrote first.
    Raced,
}

impl Elector {
    /// Stands for `lease`; the other half tells when it leads.
    pub(super) fn new(
        client: Client,
        lease: LeaseName,
        terms: Terms,
        cx: Context,
        what: Arc<str>,
    ) -> (Self, watch::Receiver<Term>) {
        let (term, runs) = watch::channel(None);
        let elector = Self {
            api: Api::namespaced(client, &lease.namespace),
            candidate: Candidate::new(identity(), terms.duration),
            lease,
            terms,
            term,
            cx,
            what,
            said: None,
        };
        (elector, runs)
    }

    /// Returns when it leads, or false when it was told to stop.
    pub(super) async fn acquire(&mut self) -> bool {
        let stop = self.cx.stop.clone();
        stop.run_until_cancelled_owned(self.win()).await.is_some()
    }

    /// Leads until the Lease is lost, stands for it again, and so on until it is told to stop.
    pub(super) async fn stay(mut self) {
        let stop = self.cx.stop.clone();
        let office = async {
            loop {
                let lost = self.hold().await;
                self.resign();
                self.say_blind(&lost, "tapio stands for it again; check the API server and its load");
                self.win().await;
            }
        };
        stop.run_until_cancelled(office).await;
        self.resign();
        self.give_back().await;
    }

    /// Tries until it leads.
    async fn win(&mut self) {
        loop {
            match tokio::time::timeout(self.terms.deadline, self.attempt()).await {
                Ok(Ok(Tried::Holds)) => return self.take_office(),
                Ok(Ok(Tried::HeldBy(holder))) => {
                    let why = format!("{holder} holds the Lease {} and watches in its place", self.lease);
                    self.cx.events.health().stands_by();
                    self.say_blind(&why, "nothing is to be done: this one takes over when that one stops");
                }
                Ok(Ok(Tried::Raced)) => {}
                Ok(Err(error)) => self.say_failed(&error),
                Err(_) => {
                    let why = format!("the Lease {} is not answered for", self.lease);
                    self.say_blind(&why, "check the API server and its load");
                }
            }
            // Up to a fifth longer, so that candidates do not ask in step.
            let share = f64::from(u32::try_from(random() >> 32).unwrap_or_default()) / f64::from(u32::MAX);
            tokio::time::sleep(self.terms.retry.mul_f64(1.0 + share / 5.0)).await;
        }
    }

    /// Renews until that fails for too long; returns why.
    async fn hold(&mut self) -> String {
        let mut renewed = Instant::now();
        let mut reason = "no answer".to_owned();
        loop {
            let deadline = renewed + self.terms.deadline;
            tokio::time::sleep_until((Instant::now() + self.terms.retry).min(deadline)).await;
            let asked = Instant::now();
            match tokio::time::timeout_at(deadline, self.attempt()).await {
                Ok(Ok(Tried::Holds)) => renewed = asked,
                Ok(Ok(Tried::HeldBy(holder))) => return format!("{holder} took the Lease {}", self.lease),
                Ok(Ok(Tried::Raced)) => {}
                Ok(Err(error)) => reason = root_cause(&error),
                Err(_) => {
                    let seconds = self.terms.deadline.as_secs_f64();
                    return format!(
                        "the Lease {} could not be renewed for {seconds} s: {reason}",
                        self.lease
                    );
                }
            }
        }
    }

    /// Takes or renews the Lease, if it may.
    async fn attempt(&mut self) -> Result<Tried, kube::Error> {
        if self.candidate.holds()
            && let Tried::Holds = self.write().await?
        {
            return Ok(Tried::Holds);
        }
        self.look().await?;
        if self.candidate.may_take(Instant::now()) {
            return self.write().await;
        }
        Ok(Tried::HeldBy(self.candidate.holder().unwrap_or_default().to_owned()))
    }

    async fn write(&mut self) -> Result<Tried, kube::Error> {
        let claim = self.candidate.claim(&self.lease.name, clock::now());
        let how = PostParams::default();
        let written = if claim.metadata.resource_version.is_some() {
            self.api.replace(&self.lease.name, &how, &claim).await
        } else {
            self.api.create(&how, &claim).await
        };
        match written {
            Ok(lease) => {
                self.candidate.observe(lease, Instant::now());
                Ok(Tried::Holds)
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Tried::Raced),
            Err(error) => Err(error),
        }
    }

    fn take_office(&mut self) {
        tracing::info!(lease = %self.lease, "This instance leads.");
        self.said = None;
        self.term.send_replace(Some(CancellationToken::new()));
        self.cx.events.sighted(clock::now(), "k8s");
    }

    /// Ends the term, so that the watches stop before anybody else may lead.
    fn resign(&mut self) {
        if let Some(term) = self.term.send_replace(None) {
            term.cancel();
        }
    }

    async fn give_back(&mut self) {
        if !self.candidate.holds() {
            return;
        }
        if !matches!(
            tokio::time::timeout(self.terms.release, self.release()).await,
            Ok(Ok(()))
        ) {
            let (lease, seconds) = (&self.lease, self.terms.duration.as_secs());
            tracing::warn!(%lease, seconds, "The Lease was not given back; the next one takes it when it expires.");
        }
    }

    /// Frees the Lease. Where a renewal reached the server and its answer was not waited for, because tapio stops, the
    /// Lease is newer than it was last seen, and is looked at again.
    async fn release(&mut self) -> Result<(), kube::Error> {
        while self.candidate.holds() {
            let free = self.candidate.release(&self.lease.name, clock::now());
            let written = self.api.replace(&self.lease.name, &PostParams::default(), &free).await;
            match written {
                Err(kube::Error::Api(status)) if status.code == 409 => self.look().await?,
                written => return written.map(drop),
            }
        }
        Ok(())
    }

    /// Sees the Lease as it is now.
    async fn look(&mut self) -> Result<(), kube::Error> {
        match self.api.get_opt(&self.lease.name).await? {
            Some(lease) => self.candidate.observe(lease, Instant::now()),
            None => self.candidate.observe_none(),
        }
        Ok(())
    }

    fn say_failed(&mut self, error: &kube::Error) {
        let (why, fix) = failed(&self.lease, error);
        self.say_blind(&why, &fix);
    }

    /// Says why nothing is watched, once for each reason.
    fn say_blind(&mut self, why: &str, fix: &str) {
        if self.said.as_deref() == Some(why) {
            return;
        }
        tracing::info!(why, "This instance does not lead.");
        let why: Arc<str> = why.into();
        self.said = Some(why.clone());
        let gap = Gap {
            source: "k8s".into(),
            what: self.what.clone(),
            why,
            fix: fix.into(),
        };
        self.cx.events.blind(clock::now(), gap);
    }
}

/// Why a Lease cannot be held, and what would mend that.
fn failed(lease: &LeaseName, error: &kube::Error) -> (String, String) {
    let why = format!("the Lease {lease} cannot be held: {}", root_cause(error));
    let fix = match cause(error) {
        Cause::Forbidden => format!(
            r#"add this rule to the Role that tapio's user is bound to in {}: apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"]"#,
            lease.namespace
        ),
        Cause::Unauthorized(_) => "log in again, or mend the kubeconfig".to_owned(),
        Cause::Unknown | Cause::Other(_) => format!(
            "tapio goes on trying; check that the namespace {} exists",
            lease.namespace
        ),
    };
    (why, fix)
}

/// The host, which is the pod's name in a pod, and a number of this process.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}_{:016x}", host.trim(), random())
}
