//! What the tests of the configuration are made of: wrong files, and the tables of the document.

mod bad;
mod docs;

pub(crate) use bad::BAD;
pub(crate) use docs::tables;
