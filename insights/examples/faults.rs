//! Plays every fault of `insights/tests/faults` and prints how many were told with their right cause:
//! `cargo run -p insights --example faults`.
#![expect(clippy::print_stdout, reason = "the figures are the result")]

#[path = "../tests/scenarios/fault.rs"]
mod fault;
#[path = "../tests/scenarios/stage.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod stage;

fn main() {
    let faults = fault::all();
    let mut right = 0;
    for fault in &faults {
        let outcome = fault.judge();
        right += usize::from(outcome.is_right);
        if !outcome.is_right {
            println!("wrong: {}\n{}\n", fault.name, outcome.report);
        }
    }
    println!(
        "{right} of {} faults told with their cause: {:.1} %",
        faults.len(),
        100.0 * right as f64 / faults.len().max(1) as f64
    );
}
