//! Containers that are known: nanoseconds a lookup, in one thread and in two at once.

use std::hint::black_box;
use std::sync::Arc;

use correlator::PodIdentity;
use dashmap::DashMap;
use moka::sync::Cache;
use pidmap::{PidMap, Reader, Task};

use crate::node::Node;
use crate::{ROUNDS, median, ns_each};

/// Lookups of one turn.
const LOOKUPS: usize = 400_000;

/// A way to look a cgroup id up, made anew for each thread.
type Lookup = Box<dyn Fn() -> Box<dyn FnMut(u64)> + Sync>;

/// Prints the table of all contestants for a node of so many containers.
pub(crate) fn compare(title: &str, containers: usize) {
    let node = Node::with(containers);
    let order = shuffled(&node.ids);
    let contestants = contestants(&node);
    let mut one = vec![Vec::new(); contestants.len()];
    let mut two = vec![Vec::new(); contestants.len()];
    for _ in 0..ROUNDS {
        for (place, (_, make)) in contestants.iter().enumerate() {
            one[place].push(turn(make, &order));
            two[place].push(in_two_threads(make, &order));
        }
    }
    let one: Vec<f64> = one.into_iter().map(median).collect();
    let two: Vec<f64> = two.into_iter().map(median).collect();
    println!("\n### A known container, of {title}\n");
    println!("| looked up in | ns | ns, two threads | of dashmap | of moka |\n|---|---|---|---|---|");
    let (dashmap, moka) = (one[contestants.len() - 2], one[contestants.len() - 1]);
    for (place, (name, _)) in contestants.iter().enumerate() {
        println!(
            "| {name} | {:.1} | {:.1} | {:.2} | {:.3} |",
            one[place],
            two[place],
            one[place] / dashmap,
            one[place] / moka
        );
    }
}

fn contestants(node: &Node) -> Vec<(&'static str, Lookup)> {
    let map = node.map();
    let alone: Arc<DashMap<u64, Arc<PodIdentity>>> = Arc::new(DashMap::new());
    let cache: Cache<u64, Arc<PodIdentity>> = Cache::builder().max_capacity(1 << 20).build();
    for id in &node.ids {
        alone.insert(*id, Arc::new(PodIdentity::default()));
        cache.insert(*id, Arc::new(PodIdentity::default()));
    }
    cache.run_pending_tasks();
    let (reading, keeping, shared) = (Arc::clone(&map), Arc::clone(&map), map);
    vec![
        ("tapio, a consumer's reader", Box::new(move || reader(&reading))),
        (
            "tapio, the same, and the subject kept",
            Box::new(move || keeper(&keeping)),
        ),
        ("tapio, the map that all share", Box::new(move || sharer(&shared))),
        (
            "dashmap alone",
            Box::new(move || {
                let alone = Arc::clone(&alone);
                Box::new(move |id| drop(black_box(alone.get(&id).map(|found| Arc::clone(&found)))))
            }),
        ),
        (
            "moka alone",
            Box::new(move || {
                let cache = cache.clone();
                Box::new(move |id| drop(black_box(cache.get(&id))))
            }),
        ),
    ]
}

fn task(id: u64) -> Task<'static> {
    Task {
        unified: id,
        memory: 0,
        pid: 0,
        started: 0,
        comm: "app",
    }
}

fn reader(map: &Arc<PidMap>) -> Box<dyn FnMut(u64)> {
    let mut reader = Reader::new(Arc::clone(map));
    Box::new(move |id| {
        black_box(reader.subject_of(&task(id)));
    })
}

fn keeper(map: &Arc<PidMap>) -> Box<dyn FnMut(u64)> {
    let mut reader = Reader::new(Arc::clone(map));
    Box::new(move |id| drop(black_box(reader.subject_of(&task(id)).clone())))
}

fn sharer(map: &Arc<PidMap>) -> Box<dyn FnMut(u64)> {
    let map = Arc::clone(map);
    Box::new(move |id| drop(black_box(map.subject_of(&task(id)))))
}

/// One turn: everything is looked up once before the clock starts.
fn turn(make: &Lookup, order: &[u64]) -> f64 {
    let mut lookup = make();
    for &id in order {
        lookup(id);
    }
    let mut ids = order.iter().cycle();
    ns_each(LOOKUPS, |_| lookup(*ids.next().unwrap()))
}

fn in_two_threads(make: &Lookup, order: &[u64]) -> f64 {
    std::thread::scope(|scope| {
        let turns = [scope.spawn(|| turn(make, order)), scope.spawn(|| turn(make, order))];
        let took = turns.map(|turn| turn.join().unwrap());
        took[0].max(took[1])
    })
}

/// The ids in an order that no prefetcher knows, the same in every run.
fn shuffled(ids: &[u64]) -> Vec<u64> {
    let mut order = ids.to_vec();
    let mut state = 0x2545_f491_u64;
    for at in (1..order.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(state >> 33).unwrap() % (at + 1);
        order.swap(at, other);
    }
    order
}
