//! One look at the API server, without watching: does it answer, and what may be listed.

use std::time::Duration;

use correlator::Gap;
use kube::Api;
use kube::api::ListParams;
use kube::core::DeserializeGuard;

use super::event::Events;
use super::gap::{Cause, Phase, Trouble, cause, gap};
use super::node::Nodes;
use super::pod::Pods;
use super::replicaset::ReplicaSets;
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
    let connected = connect::connect(config).await?;
    let client = &connected.client;
    let sniffer = KubeSniffer::new(config.clone());
    let namespace = config.namespace.as_deref();
    let (pods, nodes, sets, events) = tokio::join!(
        access::<Pods>(sniffer.within(client), namespace),
        access::<Nodes>(Api::all(client.clone()), None),
        access::<ReplicaSets>(sniffer.within(client), namespace),
        access::<Events>(sniffer.within(client), namespace),
    );
    Ok(Examined {
        url: connected.url,
        version: connected.version,
        resources: vec![pods, nodes, sets, events],
    })
}

type Guarded<R> = DeserializeGuard<<R as Reader>::Object>;

async fn access<R: Reader>(api: Api<Guarded<R>>, namespace: Option<&str>) -> Access {
    let one = ListParams::default().limit(1);
    let cause = match tokio::time::timeout(PATIENCE, api.list(&one)).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(cause(&error)),
        Err(_) => Some(Cause::Other(format!("no answer within {} s", PATIENCE.as_secs()))),
    };
    let phase = Phase::List;
    Access {
        resource: R::WATCHED.plural,
        gap: cause.map(|cause| gap(R::WATCHED, &Trouble { phase, cause }, namespace)),
    }
}
