//! One look at the API server, without watching: does it answer, and what may be listed.

use std::time::Duration;

use correlator::Gap;
use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use kube::api::ListParams;
use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::{Api, Client, Resource};

use super::client::Pace;
use super::gap::{Cause, Phase, Trouble, cause, gap};
use super::lease::trial;
use super::node::Nodes;
use super::readers::{Survey, survey};
use super::watch::Reader;
use super::{Config, KubeSniffer, connect};
use crate::sniffer::SniffError;

/// How long one list of one object may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that answered.
#[derive(Debug)]
pub struct Examined {
    /// Its address.
    pub url: String,
    /// Its version, `unknown` where it does not tell.
    pub version: String,
    /// Every resource that is watched, in the order of the watches.
    pub resources: Vec<Access>,
    /// Who holds the Lease, or why it cannot be stood for; `None` when none was named.
    pub lease: Option<Result<String, Gap>>,
}

/// What may be seen of one resource.
#[derive(Debug)]
pub struct Access {
    /// Plural, as in the rules of a role: `pods`.
    pub resource: &'static str,
    /// Why it cannot be listed and what would mend it; `None` when it can.
    pub gap: Option<Gap>,
}

/// Connects as the sniffer would and lists one object of each resource. Takes at most half a minute.
pub async fn examine(config: &Config) -> Result<Examined, SniffError> {
    let connected = connect::connect(config, Pace::default()).await?;
    let client = &connected.steady.client(None);
    let mut questions = Questions {
        sniffer: KubeSniffer::new(config.clone()),
        client,
        asked: Vec::new(),
    };
    survey(config, &mut questions);
    let asked = std::mem::take(&mut questions.asked);
    let lease = match &config.elect {
        Some(lease) => Some(trial(client.clone(), lease).await),
        None => None,
    };
    Ok(Examined {
        resources: join_all(asked).await,
        lease,
        url: connected.url,
        version: connected.version,
    })
}

/// What is asked about each resource, all at once.
struct Questions<'a> {
    sniffer: KubeSniffer,
    client: &'a Client,
    asked: Vec<BoxFuture<'static, Access>>,
}

impl Survey for Questions<'_> {
    fn nodes(&mut self) {
        let api = Api::all(self.client.clone());
        self.asked.push(access::<Nodes>(api, None).boxed());
    }

    fn within<R>(&mut self)
    where
        R: Reader + 'static,
        R::Object: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Sync,
    {
        let api = self.sniffer.within(self.client);
        let namespace = self.sniffer.config.namespace.clone();
        self.asked.push(access::<R>(api, namespace).boxed());
    }
}

type Guarded<R> = DeserializeGuard<<R as Reader>::Object>;

async fn access<R: Reader>(api: Api<Guarded<R>>, namespace: Option<String>) -> Access {
    let one = ListParams::default().limit(1);
    let cause = match tokio::time::timeout(PATIENCE, api.list(&one)).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(cause(&error)),
        Err(_) => Some(Cause::Other(format!("no answer within {} s", PATIENCE.as_secs()))),
    };
    let phase = Phase::List;
    Access {
        resource: R::WATCHED.plural,
        gap: cause.map(|cause| gap(R::WATCHED, &Trouble { phase, cause }, namespace.as_deref())),
    }
}
