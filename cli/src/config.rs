//! The configuration, as it stands in a file or follows from flags.

pub(crate) mod sinks;
