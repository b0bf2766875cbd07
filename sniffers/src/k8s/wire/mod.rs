//! The API objects, cut down to the fields that tapio keeps. Everything optional: the server may leave out or null
//! whatever its schema allows.

mod event;
mod metadata;
mod node;
mod pod;
mod replicaset;

pub(super) use event::{Event, Involved};
pub(super) use metadata::{CONFIG_HASH, CONFIG_MIRROR};
pub(super) use node::Node;
pub(super) use pod::{Amounts, Container, ContainerStatus, Pod, PodSpec, PodStatus, Resources, State, Terminated};
pub(super) use replicaset::ReplicaSet;

/// Makes a slim type known to the client as the resource it is a part of.
macro_rules! resource {
    ($type:ty, $group:literal, $kind:literal, $plural:literal, $scope:ty) => {
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
                "v1".into()
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
use resource;
