//! When a dump was made: the newest of the times in it at which something had happened.

use correlator::Timestamp;
use serde_json::Value;

/// Fields of the API that say when something happened. `deletionTimestamp` is not among them: it lies in the future.
const TIMES: [&str; 16] = [
    "creationTimestamp",
    "startTime",
    "startedAt",
    "finishedAt",
    "completionTime",
    "firstTimestamp",
    "lastTimestamp",
    "eventTime",
    "lastObservedTime",
    "lastTransitionTime",
    "lastHeartbeatTime",
    "lastProbeTime",
    "lastUpdateTime",
    "lastScheduleTime",
    "lastSuccessfulTime",
    "lastScaleTime",
];

/// The newest time, if there is any.
pub(super) fn newest(objects: &[Value]) -> Option<Timestamp> {
    objects.iter().filter_map(of).max()
}

fn of(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Array(items) => newest(items),
        Value::Object(fields) => {
            let time = |(name, value): (&String, &Value)| match value {
                Value::String(text) if TIMES.contains(&name.as_str()) => timestamp(text),
                Value::Array(_) | Value::Object(_) => of(value),
                _ => None,
            };
            fields.iter().filter_map(time).max()
        }
        _ => None,
    }
}

fn timestamp(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_nanosecond()).ok().map(Timestamp::from_nanos)
}
