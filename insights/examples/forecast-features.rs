//! Turns generated traces into the rows that the forecast's table is trained on, with the features that the product computes.
//!
//! `insights/model/train.py` runs it. On stdin come traces and the questions asked of them, in the format that
//! `insights/model/generate.py` describes: little-endian `u32`, pages of a limit of 2^20. On stdout go rows of little-endian
//! `f32`, one for each question: family, number of the horizon, 1 if the kill came within it, then the features; NaN is a
//! missing one. With `--names` it prints the names of the features, one in a line, and reads nothing.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use correlator::fill::Sample;
use correlator::{Fill, HORIZONS, Timestamp};
use insights::forecast::{NAMES, features};

const PAGE: f64 = 4096.0;
const LIMIT: f64 = 1_048_576.0 * PAGE;

/// What stands before each trace.
struct Head {
    family: u32,
    samples: u32,
    questions: u32,
    step: Duration,
}

/// One question: the horizon, by number, as it looks after a sample, by number, and the answer.
struct Question {
    sample: u32,
    horizon: u32,
    killed: u32,
}

fn main() -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let done = match std::env::args().nth(1).as_deref() {
        None => write_rows(&mut BufReader::new(io::stdin().lock()), &mut out),
        Some("--names") => NAMES.iter().try_for_each(|name| writeln!(out, "{name}")),
        Some(other) => Err(invalid(&format!("{other} is not known; give --names or nothing"))),
    };
    match done.and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cut_short = error.kind() == io::ErrorKind::UnexpectedEof;
            let why = if cut_short {
                "the stream ends within a trace; generate it again".to_owned()
            } else {
                error.to_string()
            };
            eprintln!("forecast-features: {why}");
            ExitCode::FAILURE
        }
    }
}

fn write_rows(input: &mut impl Read, out: &mut impl Write) -> io::Result<()> {
    while let Some(head) = Head::read(input)? {
        let samples = (0..head.samples)
            .map(|_| numbers(input))
            .collect::<io::Result<Vec<_>>>()?;
        let mut questions = (0..head.questions)
            .map(|_| Question::read(input))
            .collect::<io::Result<Vec<_>>>()?;
        questions.sort_by_key(|question| question.sample);
        let mut open = questions.iter().peekable();
        let mut fill = Fill::new();
        for (number, sample) in (0..).zip(samples) {
            fill.take(&sample_of(sample, head.step * number));
            while let Some(question) = open.next_if(|question| question.sample == number) {
                question.answer(head.family, &fill, out)?;
            }
        }
        if open.next().is_some() {
            return Err(invalid("a question is asked behind the last sample"));
        }
    }
    Ok(())
}

fn sample_of([used, cache, active_cache, hits]: [u32; 4], after: Duration) -> Sample {
    let [used, cache, active_cache] = [used, cache, active_cache].map(|pages| f64::from(pages) * PAGE);
    Sample {
        at: Timestamp::from_nanos(0).plus(after),
        used,
        headroom: LIMIT - used,
        limit: LIMIT,
        cache,
        active_cache,
        hits: hits != 0,
    }
}

impl Head {
    /// The next head; `None` where the stream ends.
    fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut first = [0; 4];
        if input.read(&mut first[..1])? == 0 {
            return Ok(None);
        }
        input.read_exact(&mut first[1..])?;
        let [samples, questions, step_ms] = numbers(input)?;
        Ok(Some(Self {
            family: u32::from_le_bytes(first),
            samples,
            questions,
            step: Duration::from_millis(step_ms.into()),
        }))
    }
}

impl Question {
    fn read(input: &mut impl Read) -> io::Result<Self> {
        let [sample, horizon, killed] = numbers(input)?;
        if horizon as usize >= HORIZONS.len() {
            return Err(invalid(&format!("there is no horizon {horizon}")));
        }
        Ok(Self {
            sample,
            horizon,
            killed,
        })
    }

    fn answer(&self, family: u32, fill: &Fill, out: &mut impl Write) -> io::Result<()> {
        let head = [family, self.horizon, self.killed].map(|number| number as f32);
        let row = features(fill, self.horizon as usize);
        head.iter()
            .chain(&row)
            .try_for_each(|number| out.write_all(&number.to_le_bytes()))
    }
}

fn numbers<const N: usize>(input: &mut impl Read) -> io::Result<[u32; N]> {
    let mut all = [0; N];
    for number in &mut all {
        let mut bytes = [0; 4];
        input.read_exact(&mut bytes)?;
        *number = u32::from_le_bytes(bytes);
    }
    Ok(all)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
