//! The columns of a trace's CSV: which there must be, and the bytes of a row that follow from them.

use super::trace::Row;

/// Named in every trace.
const COMMON: [&str; 5] = [
    "t_seconds",
    "usage_bytes",
    "active_file_bytes",
    "inactive_file_bytes",
    "failcnt",
];
/// Named besides by a trace of cgroup v1, whose files do not say what is reclaimable of the slab.
const V1: [&str; 3] = ["anon_bytes", "shmem_bytes", "kmem_bytes"];
/// Named besides by a trace of cgroup v2.
const V2: &str = "slab_reclaimable_bytes";
/// Where it is missing, the limit of the JSON holds.
const LIMIT: &str = "limit_bytes";

/// Where the columns are in a line.
#[derive(Debug)]
pub(super) struct Columns {
    names: Vec<String>,
    has_slab: bool,
}

impl Columns {
    /// Reads the first line. The error names what is missing.
    pub(super) fn parse(header: &str) -> Result<Self, String> {
        let names: Vec<String> = header.split(',').map(|name| name.trim().to_owned()).collect();
        let missing = |wanted: &[&'static str]| -> Vec<&'static str> {
            let has = |name: &str| names.iter().any(|have| have == name);
            wanted.iter().copied().filter(|name| !has(name)).collect()
        };
        let has_slab = missing(&[V2]).is_empty();
        let mut lacks = missing(&COMMON);
        if !has_slab {
            lacks.extend(missing(&V1));
        }
        if lacks.is_empty() {
            return Ok(Self { names, has_slab });
        }
        let hint = if has_slab {
            String::new()
        } else {
            format!(" (a cgroup v2 trace has {V2} in place of {})", V1.join(", "))
        };
        Err(format!("missing column {}{hint}", lacks.join(", ")))
    }

    /// Reads a line below the first; `limit` holds where the CSV has no limit of its own.
    pub(super) fn row(&self, line: &str, limit: Option<f64>) -> Result<Row, String> {
        let values = self.values(line)?;
        let get = |name: &str| -> Option<f64> {
            let position = self.names.iter().position(|have| have == name)?;
            values.get(position).copied()
        };
        let need = |name: &str| get(name).unwrap_or(0.0);
        let limit = get(LIMIT)
            .or(limit)
            .filter(|limit| *limit > 0.0)
            .ok_or("no limit: neither limit_bytes here nor in the JSON is above zero")?;
        let usage = need("usage_bytes");
        let (active, inactive) = (need("active_file_bytes"), need("inactive_file_bytes"));
        let without_cache = usage - active - inactive;
        let unreclaimable = if self.has_slab {
            without_cache - need(V2)
        } else {
            without_cache.max(need("anon_bytes") + need("shmem_bytes") + need("kmem_bytes"))
        };
        Ok(Row {
            at: need("t_seconds"),
            usage,
            working_set: (usage - inactive).max(0.0),
            unreclaimable: unreclaimable.max(0.0),
            cache: active + inactive,
            active_cache: active,
            limit,
            limit_hits: need("failcnt"),
        })
    }

    fn values(&self, line: &str) -> Result<Vec<f64>, String> {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        if fields.len() != self.names.len() {
            return Err(format!("{} values for {} columns", fields.len(), self.names.len()));
        }
        let parse = |(name, field): (&String, &&str)| match field.parse::<f64>() {
            Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
            _ => Err(format!("{name} is {field:?}, not a number of zero or more")),
        };
        self.names.iter().zip(&fields).map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str =
        "t_seconds,usage_bytes,anon_bytes,shmem_bytes,active_file_bytes,inactive_file_bytes,kmem_bytes,failcnt";
    const NEW: &str =
        "t_seconds,usage_bytes,active_file_bytes,inactive_file_bytes,slab_reclaimable_bytes,failcnt,limit_bytes";

    #[test]
    fn version_1_takes_the_larger_of_what_is_no_cache_and_what_is_counted_as_memory() {
        let columns = Columns::parse(OLD).unwrap();
        let row = columns.row("1,100,20,10,25,35,5,3", Some(200.0)).unwrap();
        assert_eq!((row.unreclaimable, row.working_set, row.cache), (40.0, 65.0, 60.0));
        let row = columns.row("1,100,50,10,25,35,5,3", Some(200.0)).unwrap();
        assert!((row.unreclaimable - 65.0).abs() < 1e-9);
    }

    #[test]
    fn version_2_leaves_out_the_slab_that_can_be_given_back() {
        let row = Columns::parse(NEW).unwrap().row("1,100,25,35,15,0,400", None).unwrap();
        assert_eq!((row.unreclaimable, row.limit), (25.0, 400.0));
    }

    #[test]
    fn what_is_missing_is_named() {
        let said = Columns::parse("t_seconds,usage_bytes").unwrap_err();
        assert!(
            said.contains("active_file_bytes, inactive_file_bytes, failcnt, anon_bytes"),
            "{said}"
        );
        assert!(said.contains("slab_reclaimable_bytes in place of"), "{said}");
        let said = Columns::parse(&NEW.replace("usage_bytes,", "")).unwrap_err();
        assert_eq!(said, "missing column usage_bytes");
    }

    #[test]
    fn a_row_that_makes_no_sense_is_refused() {
        let columns = Columns::parse(NEW).unwrap();
        for line in [
            "1,100,25,35,15,0",
            "1,100,25,35,nan,0,400",
            "1,-100,25,35,15,0,400",
            "1,x,25,35,15,0,400",
        ] {
            assert!(columns.row(line, None).is_err(), "{line}");
        }
        assert!(
            columns
                .row("1,100,25,35,15,0,0", None)
                .unwrap_err()
                .contains("no limit")
        );
    }
}
