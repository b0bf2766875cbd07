//! The scores as text: one table for each horizon, alerts, families, times, and the verdict on each requirement.

mod tables;

pub(crate) use tables::{alerts, checks, families, head, horizon, times};

/// A figure in a column of its own; a dash where there is none.
fn cell(value: Option<f64>, width: usize, digits: usize) -> String {
    value.map_or_else(
        || format!("{:>width$}", "-"),
        |value| format!("{value:>width$.digits$}"),
    )
}
