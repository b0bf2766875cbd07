//! The rows of a table as the kernel holds them: a value a CPU.

use aya::maps::{Map, MapData, MapError, PerCpuHashMap};

use super::TableKey;

/// The rows of a map, whatever their size.
pub(super) trait Rows {
    /// Hands over every row, summed over the CPUs. A row may come twice while the kernel moves rows around.
    fn each(&self, see: &mut dyn FnMut(TableKey, &[u64])) -> Result<(), MapError>;

    /// Takes a row out; one that is gone already is no error.
    fn remove(&mut self, key: TableKey);
}

/// Rows handed over in one walk at most, more than any table has: a walk starts over when its place is evicted.
const MOST_ROWS: usize = 1 << 17;

pub(super) struct PerCpu<const N: usize>(PerCpuHashMap<MapData, [u64; 3], [u64; N]>);

impl<const N: usize> TryFrom<Map> for PerCpu<N> {
    type Error = MapError;

    fn try_from(map: Map) -> Result<Self, MapError> {
        PerCpuHashMap::try_from(map).map(Self)
    }
}

impl<const N: usize> Rows for PerCpu<N> {
    fn each(&self, see: &mut dyn FnMut(TableKey, &[u64])) -> Result<(), MapError> {
        for row in self.0.iter().take(MOST_ROWS) {
            let (key, values) = row?;
            let mut sum = [0_u64; N];
            for value in values.iter() {
                sum.iter_mut()
                    .zip(value)
                    .for_each(|(sum, word)| *sum = sum.wrapping_add(*word));
            }
            see(zerocopy::transmute!(key), &sum);
        }
        Ok(())
    }

    fn remove(&mut self, key: TableKey) {
        let _ = self.0.remove(&zerocopy::transmute!(key));
    }
}
