//! What the messages of kubelet, runtimes, scheduler, controllers and admission say, as types: one file a family.
//!
//! Kubernetes gives reasons in free text that differs between versions and components. Each file knows the forms that the
//! published sources of those components write, pulls out the parts, and calls everything else unknown, so that it is
//! quoted rather than guessed at. Messages may be cut at their end.

pub(crate) mod admission;
pub(crate) mod image;
pub(crate) mod mount;
pub(crate) mod probe;
pub(crate) mod reference;
pub(crate) mod sandbox;
pub(crate) mod scheduling;
pub(crate) mod start;
mod text;
