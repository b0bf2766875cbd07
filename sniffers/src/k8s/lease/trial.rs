//! Whether this instance could stand for a Lease: reads it, and has the API server judge the write without doing it.

use correlator::Gap;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::core::ObjectMeta;
use kube::{Api, Client, Error};

use super::{LeaseName, failed};

/// Who holds it, in words; or why it cannot be held, and what would mend that. Changes nothing.
pub(in crate::k8s) async fn trial(client: Client, lease: &LeaseName) -> Result<String, Gap> {
    let tried = attempt(&Api::namespaced(client, &lease.namespace), lease).await;
    tried.map_err(|error| {
        let (why, fix) = failed(lease, &error);
        Gap {
            source: "k8s".into(),
            what: "leader election".into(),
            why: why.into(),
            fix: fix.into(),
        }
    })
}

async fn attempt(api: &Api<Lease>, lease: &LeaseName) -> Result<String, Error> {
    let how = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    if let Some(held) = api.get_opt(&lease.name).await? {
        let holder = held.spec.as_ref().and_then(|spec| spec.holder_identity.clone());
        // Others may write in between, which says that it may be written.
        match api.replace(&lease.name, &how, &held).await {
            Err(Error::Api(status)) if status.code == 409 => {}
            written => drop(written?),
        }
        let holder = holder.filter(|holder| !holder.is_empty());
        return Ok(holder.map_or("nobody holds it".to_owned(), |holder| format!("held by {holder}")));
    }
    let new = Lease {
        metadata: ObjectMeta {
            name: Some(lease.name.clone()),
            ..ObjectMeta::default()
        },
        spec: None,
    };
    api.create(&how, &new).await?;
    Ok("it does not exist yet, and may be made".to_owned())
}
