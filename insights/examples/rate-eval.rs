//! Prints how rules that judge a rate compare on simulated days: `cargo run -p insights --release --example rate-eval`.
#![expect(clippy::print_stdout, reason = "the table is the result")]

#[path = "../tests/rates/rules.rs"]
mod rules;
#[path = "../tests/rates/simulated.rs"]
mod simulated;

fn main() {
    println!("{}", rules::table(simulated::pods, 20, 40));
}
