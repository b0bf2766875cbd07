//! Reads a directory of traces: `NAME.csv` (or `NAME.csv.zst`) with `NAME.json` beside it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::columns::Columns;
use super::trace::{Row, Trace};

/// All traces of a directory in the order of their names. The error names the file, and the line where there is one.
pub(crate) fn directory(path: &Path) -> Result<Vec<Trace>, String> {
    let entries = fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut tables: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| stem(path).is_some())
        .collect();
    tables.sort();
    if tables.is_empty() {
        return Err(format!(
            "{}: no traces here (NAME.csv with NAME.json beside it)",
            path.display()
        ));
    }
    tables.iter().map(|table| trace(table)).collect()
}

/// The name of the trace whose table this file is.
fn stem(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(".csv").or_else(|| name.strip_suffix(".csv.zst"))?;
    (stem != "INDEX").then_some(stem)
}

fn trace(table: &Path) -> Result<Trace, String> {
    let name = stem(table).unwrap_or_default();
    let about = About::read(&table.with_file_name(format!("{name}.json")))?;
    let rows = rows(&text(table)?, &about).map_err(|(line, why)| format!("{}:{line}: {why}", table.display()))?;
    Ok(Trace {
        name: name.to_owned(),
        family: about.family,
        killed_at: about.killed_at,
        planned_s: about.planned_s,
        rows,
    })
}

fn text(table: &Path) -> Result<String, String> {
    let bytes = fs::read(table).and_then(|bytes| match table.extension() {
        Some(ending) if ending == "zst" => zstd::decode_all(bytes.as_slice()),
        _ => Ok(bytes),
    });
    let bytes = bytes.map_err(|error| format!("{}: {error}", table.display()))?;
    String::from_utf8(bytes).map_err(|_| format!("{}: not text in UTF-8", table.display()))
}

/// The rows, or the number of the line that is wrong and why.
fn rows(text: &str, about: &About) -> Result<Vec<Row>, (usize, String)> {
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let (_, header) = lines.next().ok_or((1, "the file is empty".to_owned()))?;
    let columns = Columns::parse(header).map_err(|why| (1, why))?;
    let mut rows: Vec<Row> = Vec::new();
    for (number, line) in lines {
        let row = columns.row(line, about.limit).map_err(|why| (number, why))?;
        if rows.last().is_some_and(|last| row.at < last.at) {
            return Err((number, format!("t_seconds {} is before the row before", row.at)));
        }
        // Times are rounded: of two samples of one moment the later one holds.
        rows.pop_if(|last| last.at >= row.at);
        if let Some(kill) = about.killed_at.filter(|kill| row.at >= *kill) {
            return Err((
                number,
                format!("the row at {} s is not before the kill at {kill} s; cut it off", row.at),
            ));
        }
        rows.push(row);
    }
    if rows.len() < 2 {
        return Err((rows.len() + 1, "a trace needs two rows or more".to_owned()));
    }
    Ok(rows)
}

/// What the JSON says.
#[derive(Debug)]
struct About {
    family: String,
    killed_at: Option<f64>,
    planned_s: f64,
    limit: Option<f64>,
}

impl About {
    fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let value: Value =
            serde_json::from_str(&text).map_err(|error| format!("{}:{}: {error}", path.display(), error.line()))?;
        Self::parse(&value).map_err(|why| format!("{}: {why}", path.display()))
    }

    fn parse(value: &Value) -> Result<Self, String> {
        let seconds = |key: &str| match &value[key] {
            Value::Number(number) => number
                .as_f64()
                .filter(|s| *s > 0.0)
                .ok_or(format!("{key} is {number}, not above zero")),
            other => Err(format!("{key} is {other}, not a number of seconds")),
        };
        let killed_at = match value.get("oom_time") {
            None => return Err("missing oom_time (null where there was no kill)".to_owned()),
            Some(Value::Null) => None,
            Some(_) => Some(seconds("oom_time")?),
        };
        Ok(Self {
            family: value["family"]
                .as_str()
                .ok_or("missing family, the kind of program")?
                .to_owned(),
            killed_at,
            planned_s: seconds("planned_duration_s")?,
            limit: value["limit_bytes"].as_f64(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "t_seconds,usage_bytes,active_file_bytes,inactive_file_bytes,slab_reclaimable_bytes,failcnt";
    const JSON: &str = r#"{"family":"leak","oom_time":2.5,"planned_duration_s":60,"limit_bytes":400}"#;

    fn read(table: &str, json: &str) -> Result<Vec<Trace>, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a_000.csv"), table).unwrap();
        fs::write(folder.path().join("a_000.json"), json).unwrap();
        fs::write(folder.path().join("INDEX.csv"), "name,family\n").unwrap();
        directory(folder.path())
    }

    #[test]
    fn a_table_and_what_is_said_of_it_make_a_trace() {
        let traces = read(&format!("{HEADER}\n0,100,10,10,0,0\n1,120,10,10,0,2\n"), JSON).unwrap();
        let [trace] = traces.as_slice() else {
            panic!("{traces:?}")
        };
        assert_eq!(
            (trace.name.as_str(), trace.family.as_str(), trace.rows.len()),
            ("a_000", "leak", 2)
        );
        assert_eq!(trace.killed_at, Some(2.5));
        assert!((trace.rows[1].limit - 400.0).abs() < 1e-9);
    }

    #[test]
    fn of_two_samples_of_one_moment_the_later_one_holds() {
        let rows = "0,100,10,10,0,0\n1,120,10,10,0,0\n1,130,10,10,0,0\n";
        let traces = read(&format!("{HEADER}\n{rows}"), JSON).unwrap();
        let last = traces[0].rows[1];
        assert_eq!(traces[0].rows.len(), 2);
        assert!((last.usage - last.unreclaimable - 20.0).abs() < 1e-9, "{last:?}");
        assert!(last.usage > 125.0 || last.usage * last.limit > 125.0, "{last:?}");
    }

    #[test]
    fn a_bad_table_is_told_with_its_line() {
        for (rows, told) in [
            ("0,100,10,10,0,0\n1,120,10\n", "a_000.csv:3: 3 values for 6 columns"),
            (
                "1,100,10,10,0,0\n0,120,10,10,0,0\n",
                "a_000.csv:3: t_seconds 0 is before",
            ),
            (
                "0,100,10,10,0,0\n3,120,10,10,0,0\n",
                "a_000.csv:3: the row at 3 s is not before the kill",
            ),
            ("0,100,10,10,0,0\n", "a_000.csv:2: a trace needs two rows"),
        ] {
            let said = read(&format!("{HEADER}\n{rows}"), JSON).unwrap_err();
            assert!(said.contains(told), "{said}");
        }
    }

    #[test]
    fn a_bad_description_is_told() {
        let table = format!("{HEADER}\n0,100,10,10,0,0\n1,120,10,10,0,2\n");
        for (json, told) in [
            (JSON.replace("\"oom_time\":2.5,", ""), "a_000.json: missing oom_time"),
            (
                JSON.replace("60", "\"long\""),
                "planned_duration_s is \"long\", not a number",
            ),
            (JSON.replace("2.5", "-1"), "oom_time is -1, not above zero"),
            (JSON.replace("family", "kind"), "missing family"),
            (JSON.replace('}', ""), "a_000.json:1:"),
        ] {
            let said = read(&table, &json).unwrap_err();
            assert!(said.contains(told), "{said}");
        }
    }

    #[test]
    fn a_directory_without_traces_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(directory(folder.path()).unwrap_err().contains("no traces here"));
        assert!(directory(&folder.path().join("gone")).is_err());
    }
}
