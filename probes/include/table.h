/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Tables that programs count in and user space reads once a second; nothing
 * leaves the kernel per event. src/table.rs mirrors the structs and gives the
 * rise since the last reading. A row only grows; in a full table the one that
 * was not used for longest is evicted.
 */
#ifndef TAPIO_TABLE_H
#define TAPIO_TABLE_H

#include "task.h"

struct table_key {
	__u64 unified;		/* as in record_header */
	__u64 memory;
	__u32 sub[2];		/* what the probe tells apart within a cgroup */
};

struct one_count {
	__u64 count;
};

struct four_counts {
	__u64 counts[4];
};

/* counts[i] are the values in [2^i, 2^(i+1)) ns; the last one holds all above too. */
#define HISTOGRAM_BUCKETS 39

struct log2_histogram {
	__u64 sum_ns;
	__u64 counts[HISTOGRAM_BUCKETS];
};

struct counted_histogram {
	struct log2_histogram histogram;
	__u64 count;
};

/*
 * Defines the map `name` and `name_row(key)`, which gives this CPU's row and
 * makes it where there is none; NULL, counted under `lost_slot`, when the
 * kernel has no room. Programs of one CPU do not interrupt each other except
 * from another context (softirq, hard interrupt): a count there may be lost.
 */
#define TABLE(name, row, rows, lost_slot)						\
	struct {									\
		__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);				\
		__uint(max_entries, rows);						\
		__type(key, struct table_key);						\
		__type(value, struct row);						\
	} name SEC(".maps");								\
	static const struct row name##_fresh;						\
	static __always_inline struct row *name##_row(const struct table_key *key)	\
	{										\
		struct row *found = bpf_map_lookup_elem(&name, key);			\
											\
		if (found)								\
			return found;							\
		bpf_map_update_elem(&name, key, &name##_fresh, BPF_NOEXIST);		\
		found = bpf_map_lookup_elem(&name, key);				\
		if (!found)								\
			count_lost(lost_slot);						\
		return found;								\
	}

/*
 * The number of the epoch of 8.6 s that is under way, for tables that count
 * what was seen in it: it goes into sub[0]. Where the kernel has the cheap
 * clock (5.11) it is taken.
 */
#define EPOCH_SHIFT 33

enum bpf_func_id___clocks {
	BPF_FUNC_ktime_get_coarse_ns = 160,
};

static __always_inline __u32 epoch_now(void)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id___clocks, BPF_FUNC_ktime_get_coarse_ns))
		return bpf_ktime_get_coarse_ns() >> EPOCH_SHIFT;
	return bpf_ktime_get_ns() >> EPOCH_SHIFT;
}

static __always_inline __u32 log2_of(__u64 value)
{
	__u32 high = value >> 32, word = high ? high : (__u32)value, log = high ? 32 : 0, shift;

	shift = (word > 0xffff) << 4;
	word >>= shift;
	log |= shift;
	shift = (word > 0xff) << 3;
	word >>= shift;
	log |= shift;
	shift = (word > 0xf) << 2;
	word >>= shift;
	log |= shift;
	shift = (word > 0x3) << 1;
	word >>= shift;
	log |= shift;
	return log | (word >> 1);
}

static __always_inline void histogram_add(struct log2_histogram *histogram, __u64 ns)
{
	__u64 bucket = log2_of(ns);

	/* All 64 bits are tested: verifiers before 6.2 learn nothing of them from a test of 32. */
	barrier_var(bucket);
	if (bucket >= HISTOGRAM_BUCKETS)
		bucket = HISTOGRAM_BUCKETS - 1;
	histogram->sum_ns += ns;
	histogram->counts[bucket] += 1;
}

/* The cgroups of a task, by copies: for any pointer. task.h says what the ids are. */
static __always_inline void key_of_task(struct table_key *key, struct task_struct *task)
{
	key->unified = unified_id(task);
	key->memory = memory_id(task);
}

/*
 * The same, read in place, a third of the price: for a task the verifier knows,
 * such as an argument of a BTF tracepoint or bpf_get_current_task_btf().
 */
static __always_inline void key_in_place(struct table_key *key, struct task_struct *task)
{
	struct css_set *cgroups = task->cgroups;
	struct cgroup_subsys_state *css;
	struct cgroup *cgroup;

	key->unified = cgroups->dfl_cgrp->kn->id;
	key->memory = 0;
	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return;
	css = cgroups->subsys[bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id)];
	if (!css)
		return;
	cgroup = css->cgroup;
	if (cgroup->root->hierarchy_id)
		key->memory = cgroup->kn->id;
}

#endif
