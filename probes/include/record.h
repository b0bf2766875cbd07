/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * What every record starts with, the ring it goes through, and the counters of
 * what did not fit. src/record.rs mirrors the structs; tests/layout.rs compares
 * both through the BTF of the compiled objects.
 */
#ifndef TAPIO_RECORD_H
#define TAPIO_RECORD_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define RECORD_MAGIC 0x7461
#define RECORD_VERSION 1
#define COMM_LEN 16

enum record_kind {
	RECORD_TCP_CONNECT = 1,
	RECORD_OOM_KILL = 2,
	RECORD_EXEC = 3,
	RECORD_EXIT = 4,
	RECORD_RESIDENT = 5,
};

struct record_header {
	__u16 magic;
	__u8 kind;
	__u8 version;
	__u32 len;		/* of the whole record, header included */
	__u64 ktime_ns;		/* CLOCK_MONOTONIC */
	__u64 unified;		/* cgroup id in the v2 hierarchy, 0 unknown */
	__u64 memory;		/* cgroup id in a v1 memory hierarchy, 0 none */
	__u32 pid;		/* thread group id on the host */
	__u32 ns_pid;		/* the same in its own pid namespace, 0 not read */
	char comm[COMM_LEN];	/* of the thread group leader */
};

/* Keeps a record's type in the object's BTF, for the layout test. */
#define RECORD_LAYOUT(type) struct type *const volatile type##_layout = 0

/* Set by the loader before the programs are loaded. */
const volatile __u64 page_size = 4096;

#define RECORD_RING(bytes)					\
	struct {						\
		__uint(type, BPF_MAP_TYPE_RINGBUF);		\
		__uint(max_entries, bytes);			\
	} records SEC(".maps")

/* Slots of `lost`; each probe's mod.rs says in words what a slot means. */
#define LOST_SLOTS 4

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOST_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

static __always_inline void count_lost(__u32 slot)
{
	__u64 *count = bpf_map_lookup_elem(&lost, &slot);

	if (count)
		*count += 1;
}

#define CROWDED_PERCENT 80
#define KEPT_OF_CROWD 8

/*
 * True for seven of eight bulk records once the ring is 80 % full, so that the
 * rest of it is there for what must not be missed; those ask nothing and try.
 * What is left out is counted.
 */
static __always_inline bool is_thinned(void *ring, __u32 slot)
{
	__u64 crowded = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE) / 100 * CROWDED_PERCENT;

	if (bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) < crowded)
		return false;
	if (bpf_get_prandom_u32() % KEPT_OF_CROWD == 0)
		return false;
	count_lost(slot);
	return true;
}

static __always_inline void start_record(struct record_header *header, __u8 kind, __u32 len)
{
	header->magic = RECORD_MAGIC;
	header->kind = kind;
	header->version = RECORD_VERSION;
	header->len = len;
	header->ktime_ns = bpf_ktime_get_ns();
}

#endif
