//! The upper bounds of histograms' buckets that the user chose.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};

use crate::metrics::bounds::{self, Bounds, MOST};

/// Upper bounds of histograms' buckets.
#[derive(Debug, Clone, PartialEq, Serialize, DeriveDeserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Buckets {
    /// Of times that are seen one by one: connects and DNS queries.
    latency: Seconds<false>,
    /// Of waits of tasks for a CPU.
    run_queue: Seconds<true>,
    /// Of TCP round trips.
    round_trip: Seconds<true>,
    /// Of the lives of TCP connections.
    connection_duration: Seconds<true>,
    /// Of system calls.
    syscall: Seconds<true>,
    /// Of slow reads, writes and syncs of files; those below 10 ms are not counted at all.
    slow_file: Seconds<true>,
}

impl Default for Buckets {
    fn default() -> Self {
        Self {
            latency: Seconds(Bounds::Latency.usual()),
            run_queue: Seconds(Bounds::RunQueue.usual()),
            round_trip: Seconds(Bounds::RoundTrip.usual()),
            connection_duration: Seconds(Bounds::ConnectionDuration.usual()),
            syscall: Seconds(Bounds::Syscall.usual()),
            slow_file: Seconds(Bounds::SlowFile.usual()),
        }
    }
}

impl Buckets {
    /// As the metrics take them.
    pub(super) fn of_metrics(&self) -> bounds::Buckets {
        bounds::Buckets::new(vec![
            (Bounds::Latency, self.latency.0.clone()),
            (Bounds::RunQueue, self.run_queue.0.clone()),
            (Bounds::RoundTrip, self.round_trip.0.clone()),
            (Bounds::ConnectionDuration, self.connection_duration.0.clone()),
            (Bounds::Syscall, self.syscall.0.clone()),
            (Bounds::SlowFile, self.slow_file.0.clone()),
        ])
    }
}

/// Ascending seconds; of histograms that are counted in the kernel, its powers of two nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
struct Seconds<const IN_KERNEL: bool>(Vec<f64>);

impl<'de, const IN_KERNEL: bool> Deserialize<'de> for Seconds<IN_KERNEL> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(List::<IN_KERNEL>).map(Self)
    }
}

struct List<const IN_KERNEL: bool>;

impl<'de, const IN_KERNEL: bool> Visitor<'de> for List<IN_KERNEL> {
    type Value = Vec<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of 1 to {MOST} seconds")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<f64>, A::Error> {
        let mut found: Vec<f64> = Vec::new();
        while let Some(bound) = list.next_element_seed(Next::<IN_KERNEL>(found.last().copied()))? {
            if found.len() == MOST {
                return Err(Error::custom(format!("there are more than {MOST} bounds")));
            }
            found.push(bound);
        }
        if found.is_empty() {
            return Err(Error::custom("give at least one bound, in seconds"));
        }
        Ok(found)
    }
}

/// Judged where it stands, so that the error says where that is.
struct Next<const IN_KERNEL: bool>(Option<f64>);

impl<'de, const IN_KERNEL: bool> DeserializeSeed<'de> for Next<IN_KERNEL> {
    type Value = f64;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<f64, D::Error> {
        let bound = f64::deserialize(from).map_err(|_| Error::custom("give a number of seconds, such as 0.25"))?;
        let checked = bounds::check_next(self.0, bound)
            .and_then(|()| if IN_KERNEL { bounds::of_kernel(bound) } else { Ok(bound) });
        checked.map_err(|why| Error::custom(format!("{bound} cannot be used: {why}")))
    }
}

impl<const IN_KERNEL: bool> JsonSchema for Seconds<IN_KERNEL> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Seconds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "items": { "type": "number", "exclusiveMinimum": 0 },
            "minItems": 1,
            "maxItems": MOST,
        })
    }
}
