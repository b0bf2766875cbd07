//! Which tables are taken, and what a walk gives.

use proptest::prelude::*;

use super::super::TABLE;
use super::*;

/// A table of one tree.
fn table(base: f32, nodes: &[(f32, u8, u8, u16, u16)]) -> Vec<u8> {
    let count = u32::try_from(nodes.len()).unwrap();
    let mut bytes = [1_u32.to_le_bytes(), count.to_le_bytes(), base.to_le_bytes()].concat();
    bytes.extend(0_u16.to_le_bytes());
    for (number, feature, missing, left, right) in nodes {
        bytes.extend(number.to_le_bytes());
        bytes.extend([*feature, *missing]);
        bytes.extend(left.to_le_bytes());
        bytes.extend(right.to_le_bytes());
    }
    bytes
}

const LOW: (f32, u8, u8, u16, u16) = (-1.0, LEAF, 0, 0, 0);
const HIGH: (f32, u8, u8, u16, u16) = (1.0, LEAF, 0, 0, 0);

fn error(base: f32, nodes: &[(f32, u8, u8, u16, u16)]) -> Option<ModelError> {
    Model::from_bytes(&table(base, nodes)).err()
}

#[test]
fn the_built_in_table_is_sound() {
    let (trees, nodes) = Model::from_bytes(TABLE).unwrap().size();
    assert!(trees > 0 && nodes > trees);
}

#[test]
fn a_feature_at_the_threshold_goes_left_and_a_missing_one_where_it_was_sent() {
    let model = Model::from_bytes(&table(0.5, &[(0.3, 0, 1, 1, 2), LOW, HIGH])).unwrap();
    let with = |used: f32| {
        let mut features = [0.0; FEATURES];
        features[0] = used;
        model.score(&features)
    };
    let goes_left = [0.3, 0.31, f32::NAN].map(|used| with(used) < 0.0);
    assert_eq!(goes_left, [true, false, true]);
    assert!((with(0.3) + 0.5).abs() < 1e-9 && (with(0.31) - 1.5).abs() < 1e-9);
}

#[test]
fn a_table_that_is_cut_short_or_too_long_is_refused() {
    let whole = table(0.0, &[LOW]);
    for length in 0..whole.len() {
        assert_eq!(Model::from_bytes(&whole[..length]).err(), Some(ModelError::Length));
    }
    let longer = [whole, vec![0]].concat();
    assert_eq!(Model::from_bytes(&longer).err(), Some(ModelError::Length));
    let boastful = [u32::MAX.to_le_bytes(); 4].concat();
    assert_eq!(Model::from_bytes(&boastful).err(), Some(ModelError::Length));
}

#[test]
fn a_table_whose_walk_might_not_end_is_refused() {
    assert_eq!(error(0.0, &[(0.3, 1, 0, 0, 1), LOW]), Some(ModelError::Cycle(0)));
    assert_eq!(
        error(0.0, &[(0.3, 1, 0, 1, 2), (0.3, 1, 0, 0, 2), LOW]),
        Some(ModelError::Cycle(1))
    );
}

#[test]
fn a_table_that_points_nowhere_is_refused() {
    assert_eq!(error(0.0, &[(0.3, 1, 0, 1, 9), LOW]), Some(ModelError::NoSuchNode(0)));
    assert_eq!(error(0.0, &[]), Some(ModelError::NoSuchNode(0)));
    assert_eq!(
        error(0.0, &[(0.3, 42, 0, 1, 2), LOW, HIGH]),
        Some(ModelError::NoSuchFeature(0))
    );
}

#[test]
fn a_table_with_numbers_that_are_not_finite_is_refused() {
    assert_eq!(error(f32::NAN, &[LOW]), Some(ModelError::NotFinite));
    assert_eq!(
        error(0.0, &[(f32::INFINITY, LEAF, 0, 0, 0)]),
        Some(ModelError::NotFinite)
    );
}

#[test]
fn a_table_that_fears_more_room_is_refused() {
    let distance = 4;
    assert_eq!(
        error(0.0, &[(0.3, distance, 0, 1, 2), LOW, HIGH]),
        Some(ModelError::NotMonotone(0))
    );
    assert_eq!(error(0.0, &[(0.3, distance, 0, 1, 2), HIGH, LOW]), None);
    assert_eq!(
        error(0.0, &[(0.3, 0, 0, 1, 2), HIGH, LOW]),
        Some(ModelError::NotMonotone(0))
    );
}

fn any_feature() -> impl Strategy<Value = f32> {
    prop_oneof![Just(f32::NAN), -3.0..3.0_f32, any::<f32>()]
}

proptest! {
    #[test]
    fn a_damaged_table_is_refused_or_still_gives_numbers(
        damage in prop::collection::vec((0..TABLE.len(), any::<u8>()), 1..8), row in prop::collection::vec(any_feature(), FEATURES)
    ) {
        let mut bytes = TABLE.to_vec();
        for (at, byte) in damage {
            bytes[at] = byte;
        }
        if let Ok(model) = Model::from_bytes(&bytes) {
            prop_assert!(model.score(&row.try_into().unwrap()).is_finite());
        }
    }

    #[test]
    fn more_room_with_all_else_equal_is_never_more_dangerous(
        row in prop::collection::vec(any_feature(), FEATURES), room in 0.0..1.0_f32, more in 0.0..1.0_f32
    ) {
        let model = Model::from_bytes(TABLE).unwrap();
        let mut row: [f32; FEATURES] = row.try_into().unwrap();
        (row[0], row[4]) = (1.0 - room, room);
        let near = model.score(&row);
        (row[0], row[4]) = (1.0 - room - more, room + more);
        let far = model.score(&row);
        prop_assert!(near.is_finite() && far.is_finite());
        prop_assert!(far <= near + 1e-5, "{near} then {far}");
    }
}
