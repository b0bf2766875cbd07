//! Which probes a run loads: those of a profile, or those that the user names. What is not loaded costs nothing.

use anyhow::{Result, bail, ensure};
use clap::builder::PossibleValuesParser;
use probes::Probe;

use crate::args::Profile;
use crate::config::Config;

/// Smallest and largest ring, bytes.
const RING: std::ops::RangeInclusive<u64> = (64 << 10)..=(1 << 30);

/// The names of all probes; clap says which one is near to a wrong name.
pub(crate) fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(probes::all().iter().map(|probe| probe.name))
}

/// The probes of a profile. `with` and `without` are for [`Profile::Custom`] alone: the probes in `with`, or all when it
/// is empty, less those in `without`.
pub(crate) fn chosen(profile: Profile, with: &[String], without: &[String]) -> Result<Vec<&'static Probe>> {
    let all = || probes::all().iter().copied();
    let Some(most) = profile.most() else {
        let is_in = |probe: &Probe, names: &[String]| names.iter().any(|name| name == probe.name);
        let chosen: Vec<_> = all()
            .filter(|probe| (with.is_empty() || is_in(probe, with)) && !is_in(probe, without))
            .collect();
        ensure!(!chosen.is_empty(), "no probe is left; --k8s-only watches without any");
        return Ok(chosen);
    };
    if !with.is_empty() || !without.is_empty() {
        bail!("--probe and --no-probe change the probes of --profile custom only");
    }
    Ok(all().filter(|probe| probe.profile <= most).collect())
}

/// The probes of a configuration.
pub(crate) fn chosen_of(config: &Config) -> Result<Vec<&'static Probe>> {
    let named = |is_on: bool| -> Vec<String> {
        let switches = config.probes.iter().filter(|(_, on)| **on == is_on);
        switches.map(|(name, _)| name.clone()).collect()
    };
    chosen(config.profile, &named(true), &named(false))
}

/// A size such as `262144`, `256KiB`, `8MiB` or `1GiB`: what the kernel takes as the size of a ring.
pub(crate) fn ring_size(text: &str) -> Result<u32, String> {
    match bytes(text)? {
        size if RING.contains(&size) && size.is_power_of_two() => {
            u32::try_from(size).map_err(|error| error.to_string())
        }
        _ => Err("give a power of two from 64KiB to 1GiB".to_owned()),
    }
}

/// Bytes, or a number with `KiB`, `MiB` or `GiB`.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale: u64 = match unit {
        "" => 1,
        "KiB" | "K" => 1 << 10,
        "MiB" | "M" => 1 << 20,
        "GiB" | "G" => 1 << 30,
        _ => return Err("give bytes, or a number with KiB, MiB or GiB".to_owned()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(scale));
    bytes.ok_or_else(|| "give bytes, or a number with KiB, MiB or GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(profile: Profile, with: &[&str], without: &[&str]) -> Result<Vec<&'static str>, String> {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let chosen = chosen(profile, &owned(with), &owned(without));
        chosen
            .map(|probes| probes.iter().map(|probe| probe.name).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn each_profile_has_the_probes_of_the_smaller_one_too() {
        let [minimal, standard, comprehensive] = [Profile::Minimal, Profile::Standard, Profile::Comprehensive]
            .map(|profile| named(profile, &[], &[]).unwrap());
        assert!(minimal.contains(&"memory") && !minimal.contains(&"tcp_connect"));
        assert!(standard.contains(&"tcp_connect") && minimal.iter().all(|name| standard.contains(name)));
        assert_eq!(comprehensive.len(), probes::all().len());
    }

    #[test]
    fn custom_is_what_is_named_or_all_less_what_is_taken_away() {
        let only = named(Profile::Custom, &["process", "memory"], &["process"]);
        assert_eq!(only, Ok(vec!["memory"]));
        let less = named(Profile::Custom, &[], &["memory"]).unwrap();
        assert_eq!(less.len(), probes::all().len() - 1);
        assert!(named(Profile::Custom, &["memory"], &["memory"]).is_err());
    }

    #[test]
    fn a_probe_named_beside_a_fixed_profile_is_refused() {
        let refused = named(Profile::Standard, &["memory"], &[]).unwrap_err();
        assert!(refused.contains("--profile custom"), "{refused}");
    }

    #[test]
    fn a_ring_is_a_power_of_two_within_bounds() {
        assert_eq!(ring_size("65536"), Ok(65_536));
        assert_eq!(ring_size("8MiB"), Ok(8 << 20));
        assert_eq!(ring_size("1GiB"), Ok(1 << 30));
        for bad in [
            "",
            "0",
            "32KiB",
            "100000",
            "3MiB",
            "2GiB",
            "8MB",
            "-1",
            "99999999999999999999",
            "20000000000GiB",
        ] {
            assert!(ring_size(bad).is_err(), "{bad:?}");
        }
    }
}
