//! The names and numbers of the features, as the table of trees and the program that trains it use them.

/// How many features there are.
pub const FEATURES: usize = 42;

/// The features by number, which is also how the table refers to them. `_q`: over a quarter of the horizon; `_h`: over all of
/// it. A feature that cannot be known yet is NaN. `d` is the distance to the limit, a fraction of the capacity.
pub const NAMES: [&str; FEATURES] = [
    "u",      // used
    "us",     // used and cache
    "F",      // cache
    "A",      // active cache
    "d",      // distance to the limit, at least 0.001
    "M",      // highest use ever
    "u_M",    // highest use ever, above the use now
    "npk",    // peaks survived
    "mpk",    // their mean height
    "sdpk",   // their standard deviation
    "zpk",    // distance of the limit from them, in standard deviations
    "upk",    // use above their mean
    "lage",   // logarithm of age in horizons
    "hit",    // the limit was hit just now
    "hitE",   // share of the last quarter horizon with hits
    "tsd",    // horizons since the last fall from a peak
    "ols_q",  // growth within the horizon at the slope of the means, in d
    "mx_q",   // the same of the largest values
    "mn_q",   // the same of the smallest values
    "sd_q",   // noise around the line, in d
    "mk_q",   // Mann-Kendall score
    "r2_q",   // share of the variance that the line explains
    "ig_q",   // first-passage probability
    "igm_q",  // the same of the largest values
    "dif_q",  // diffusion within the horizon, in d
    "dmax_q", // distance of the largest value from the limit, in d
    "ols_h", "mx_h", "mn_h", "sd_h", "mk_h", "r2_h", "ig_h", "igm_h", "dif_h", "dmax_h", //
    "ninc",   // logarithm of how many past increments are known
    "mxI",    // largest growth within one past horizon, in d
    "mI",     // mean growth within one past horizon, in d
    "fge",    // share of past horizons that grew by d or more
    "curv",   // growth at the recent slope beyond growth at the long one, in d
    "gapI",   // largest growth within one past horizon
];
