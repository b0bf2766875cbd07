//! Kubernetes quantities: `64Mi`, `1.5G`, `250m`, `1e3`
//! (k8s.io/apimachinery/pkg/api/resource/quantity.go). Fractions round up, as there.

/// The quantity in whole units (bytes). `None` for what is no quantity, is negative, or exceeds `u64`.
pub(super) fn whole(text: &str) -> Option<u64> {
    scaled(text, 1)
}

/// The quantity in thousandths (of a core).
pub(super) fn thousandths(text: &str) -> Option<u64> {
    scaled(text, 1000)
}

/// The quantity in base units, fractions included to the thousandth: cores, bytes, objects.
pub(super) fn amount(text: &str) -> Option<f64> {
    let fine = thousandths(text).map(|thousandths| thousandths as f64 / 1000.0);
    fine.or_else(|| whole(text).map(|whole| whole as f64))
}

fn scaled(text: &str, factor: u128) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (digits, decimals) = digits(number)?;
    let (times, over) = multiplier(suffix)?;
    let value = digits.checked_mul(times)?.checked_mul(factor)?;
    let divisor = over.checked_mul(10_u128.checked_pow(decimals)?)?;
    u64::try_from(value.div_ceil(divisor)).ok()
}

/// The digits as one number, and how many of them stand behind the point.
fn digits(number: &str) -> Option<(u128, u32)> {
    let (integer, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all = integer.len() + fraction.len();
    if all == 0 || all > 20 || fraction.contains('.') {
        return None;
    }
    let digits = format!("{integer}{fraction}").parse().ok()?;
    Some((digits, u32::try_from(fraction.len()).ok()?))
}

/// What a suffix multiplies with and divides by.
fn multiplier(suffix: &str) -> Option<(u128, u128)> {
    let times = |times: u128| Some((times, 1));
    match suffix {
        "" => times(1),
        "n" => Some((1, 1_000_000_000)),
        "u" => Some((1, 1_000_000)),
        "m" => Some((1, 1000)),
        "k" => times(1000),
        "M" => times(1_000_000),
        "G" => times(1_000_000_000),
        "T" => times(1_000_000_000_000),
        "P" => times(1_000_000_000_000_000),
        "E" => times(1_000_000_000_000_000_000),
        "Ki" => times(1 << 10),
        "Mi" => times(1 << 20),
        "Gi" => times(1 << 30),
        "Ti" => times(1 << 40),
        "Pi" => times(1 << 50),
        "Ei" => times(1 << 60),
        _ => exponent(suffix.strip_prefix(['e', 'E'])?),
    }
}

fn exponent(text: &str) -> Option<(u128, u128)> {
    let exponent: i32 = text.parse().ok().filter(|exponent: &i32| exponent.abs() <= 18)?;
    let power = 10_u128.pow(exponent.unsigned_abs());
    Some(if exponent < 0 { (1, power) } else { (power, 1) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_of_the_api_is_read() {
        let cases = [
            ("0", 0),
            ("128974848", 128_974_848),
            ("129e6", 129_000_000),
            ("129E6", 129_000_000),
            ("129M", 129_000_000),
            ("123Mi", 128_974_848),
            ("1.5Gi", 1_610_612_736),
            (".5Ki", 512),
            ("1E", 1_000_000_000_000_000_000),
            ("128974848000m", 128_974_848),
            ("1m", 1),
            ("1e-3", 1),
            ("+2k", 2000),
        ];
        for (text, bytes) in cases {
            assert_eq!(whole(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn cores_are_read_in_thousandths() {
        for (text, millis) in [
            ("250m", 250),
            ("0.1", 100),
            ("2", 2000),
            ("1e2", 100_000),
            ("100u", 1),
            ("1n", 1),
        ] {
            assert_eq!(thousandths(text), Some(millis), "{text}");
        }
    }

    #[test]
    fn an_amount_has_its_fractions_and_may_be_huge() {
        assert_eq!(amount("1500m"), Some(1.5));
        assert_eq!(amount("10Gi"), Some(10_737_418_240.0));
        assert_eq!(amount("15Ei"), Some(15.0 * (1_u64 << 60) as f64));
        assert_eq!(amount("many"), None);
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in [
            "",
            "-1",
            "Mi",
            ".",
            "1.2.3",
            "1 Gi",
            "1gi",
            "1e",
            "1e99",
            "999999999999999999999",
            "99Ei",
            "1Mi2",
        ] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "\\PC{0,40}") {
            let _ = (whole(&text), thousandths(&text));
        }

        #[test]
        fn mebibytes_are_1048576_bytes(count in 0_u64..1 << 40) {
            prop_assert_eq!(whole(&format!("{count}Mi")), Some(count << 20));
        }
    }
}
