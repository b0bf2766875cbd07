//! What the two forecasters say about records of known make.
mod laws;
mod stories;
