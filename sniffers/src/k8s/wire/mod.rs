//! The API objects, cut down to the fields that tapio keeps. Everything optional: the server may leave out or null
//! whatever its schema allows.

mod event;
mod metadata;
mod node;
mod pod;
mod probe;
mod replicaset;
mod shared;
mod template;

pub(super) use event::{Event, Involved};
pub(super) use metadata::{CONFIG_HASH, CONFIG_MIRROR, REVISION, REVISION_HISTORY, slim};
pub(super) use node::{Node, Taint};
pub(super) use pod::{Container, ContainerStatus, Pod, PodSpec, PodStatus, State, Terminated, Volume};
pub(super) use probe::Probe;
pub(super) use replicaset::ReplicaSet;
pub(super) use shared::{Amounts, Condition, Resources};
pub(super) use template::{Template, TemplateContainer};

/// Makes a slim type known to the client as the resource it is a part of.
macro_rules! resource {
    ($type:ty, $group:literal, $kind:literal, $plural:literal, $scope:ty) => {
        resource!($type, $group, "v1", $kind, $plural, $scope);
    };
    ($type:ty, $group:literal, $version:literal, $kind:literal, $plural:literal, $scope:ty) => {
        impl kube::Resource for $type {
            type DynamicType = ();
            type Scope = $scope;

            fn kind((): &()) -> std::borrow::Cow<'_, str> {
                $kind.into()
            }

            fn group((): &()) -> std::borrow::Cow<'_, str> {
                $group.into()
            }

            fn version((): &()) -> std::borrow::Cow<'_, str> {
                $version.into()
            }

            fn plural((): &()) -> std::borrow::Cow<'_, str> {
                $plural.into()
            }

            fn meta(&self) -> &kube::core::ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut kube::core::ObjectMeta {
                &mut self.metadata
            }
        }
    };
}
pub(super) use resource;
