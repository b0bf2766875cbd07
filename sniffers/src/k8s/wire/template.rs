//! The pod template of a workload: what is compared of it. Of environment variables only the names are decoded, for
//! values may be secret.

use serde::Deserialize;

use super::probe::Probe;
use super::shared::Resources;

#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Template {
    pub(in super::super) spec: Option<TemplateSpec>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct TemplateSpec {
    pub(in super::super) containers: Option<Vec<TemplateContainer>>,
    pub(in super::super) init_containers: Option<Vec<TemplateContainer>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct TemplateContainer {
    pub(in super::super) name: String,
    pub(in super::super) image: Option<String>,
    pub(in super::super) command: Option<Vec<String>>,
    pub(in super::super) args: Option<Vec<String>>,
    pub(in super::super) env: Option<Vec<Variable>>,
    pub(in super::super) resources: Option<Resources>,
    pub(in super::super) liveness_probe: Option<Probe>,
    pub(in super::super) readiness_probe: Option<Probe>,
    pub(in super::super) startup_probe: Option<Probe>,
}

/// The name of an environment variable.
#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct Variable {
    pub(in super::super) name: Option<String>,
}
