//! How far OOM forecasts came true here, as far as the calibration file tells.

use std::path::Path;

use correlator::Calibration;
use correlator::forecast::{Group, LEAST_KILLS};

use super::row::{Mark, Row, bad, good};
use crate::calibration::{Keeper, load};

const CHECK: &str = "calibration";

/// The row about the file that was named, or about none.
pub(crate) fn row(path: Option<&Path>) -> Row {
    let Some(path) = path else {
        let hint = "with `--calibration FILE`, or TAPIO_CALIBRATION, `tapio sniff` learns how far its OOM forecasts come true \
                    here";
        return bad(
            Mark::Warn,
            CHECK,
            "no file is named: each run starts with what was learnt in the lab",
            hint,
        );
    };
    let model = insights::forecaster().name();
    let loaded = load(path, &model).and_then(|loaded| Keeper::new(path, model).map(|_| loaded));
    match loaded {
        Ok(Some(calibration)) => learnt(&calibration),
        Ok(None) => {
            let found = format!("cold start: {} does not exist yet", path.display());
            let hint = "`tapio sniff --calibration FILE` makes it after ten minutes, or when it is ended";
            bad(Mark::Warn, CHECK, found, hint)
        }
        Err(error) => {
            let hint = "`tapio sniff` does not start with this file";
            bad(Mark::Fail, CHECK, format!("{error:#}"), hint)
        }
    }
}

fn learnt(calibration: &Calibration) -> Row {
    let (resolved, kills) = (calibration.resolved(), calibration.kills());
    let scores = Group::ALL.into_iter().filter_map(|group| score(calibration, group));
    let scores: String = scores.collect();
    if calibration.is_cold() {
        let found = format!("cold start: {resolved} forecasts resolved, {kills} of {LEAST_KILLS} kills seen{scores}");
        let hint = "until then probabilities lean on lab data; keep the file and let `tapio sniff` run";
        return bad(Mark::Warn, CHECK, found, hint);
    }
    good(
        CHECK,
        format!("{resolved} forecasts resolved, {kills} kills seen{scores}"),
    )
}

fn score(calibration: &Calibration, group: Group) -> Option<String> {
    let reliability = calibration.reliability(group);
    let (brier, error) = (reliability.brier()?, reliability.calibration_error()?);
    let horizons = match group {
        Group::Short => "to 2 min",
        Group::Middle => "to 30 min",
        Group::Long => "longer",
    };
    Some(format!("; {horizons}: Brier {brier:.3}, calibration error {error:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_a_new_one_a_cold_one_and_a_broken_one_are_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calibration.json");
        let said = |path: Option<&Path>| {
            let row = row(path);
            assert!(row.hint.is_some(), "{row:?}");
            (row.mark, row.found)
        };
        assert!(said(None).1.starts_with("no file is named"));
        assert!(said(Some(&path)).1.contains("does not exist yet"));
        let cold = Calibration::default().to_json(&insights::forecaster().name());
        std::fs::write(&path, cold).expect("written");
        let cold = "cold start: 0 forecasts resolved, 0 of 20 kills seen";
        assert_eq!(said(Some(&path)), (Mark::Warn, cold.to_owned()));
        std::fs::write(&path, "{}").expect("written");
        let (mark, found) = said(Some(&path));
        assert!(
            mark == Mark::Fail && found.contains("this is no calibration"),
            "{found}"
        );
    }
}
