/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * A time kept with each task, in its own storage (Linux 5.11). Sources that use
 * this are compiled a second time with BEFORE_5_11, for kernels that have neither
 * that storage nor a typed pointer to the current task: then the time is in an
 * LRU hash keyed by the task's address, and the task is read by copies.
 */
#ifndef TAPIO_STAMP_H
#define TAPIO_STAMP_H

#include "table.h"

#ifndef BEFORE_5_11

/* Defines the map `name`, and `name_of(task, flags)`: NULL without a time, or without room for one. */
#define STAMPS(name)								\
	struct {								\
		__uint(type, BPF_MAP_TYPE_TASK_STORAGE);			\
		__uint(map_flags, BPF_F_NO_PREALLOC);				\
		__type(key, int);						\
		__type(value, __u64);						\
	} name SEC(".maps");							\
	static __always_inline __u64 *name##_of(struct task_struct *task, __u64 flags)	\
	{									\
		return bpf_task_storage_get(&name, task, 0, flags);		\
	}

#define STAMP_CREATE BPF_LOCAL_STORAGE_GET_F_CREATE
#define READ_TASK(task, field) ((task)->field)

static __always_inline struct task_struct *current_task(void)
{
	return bpf_get_current_task_btf();
}

static __always_inline void key_of_current(struct table_key *key)
{
	key_in_place(key, current_task());
}

#else

#define STAMPS(name)								\
	struct {								\
		__uint(type, BPF_MAP_TYPE_LRU_HASH);				\
		__uint(max_entries, 32768);					\
		__type(key, __u64);						\
		__type(value, __u64);						\
	} name SEC(".maps");							\
	static __always_inline __u64 *name##_of(struct task_struct *task, __u64 flags)	\
	{									\
		__u64 key = (__u64)task, zero = 0;				\
		__u64 *found = bpf_map_lookup_elem(&name, &key);		\
										\
		if (found || !flags)						\
			return found;						\
		bpf_map_update_elem(&name, &key, &zero, BPF_NOEXIST);		\
		return bpf_map_lookup_elem(&name, &key);			\
	}

#define STAMP_CREATE 1
#define READ_TASK(task, field) BPF_CORE_READ(task, field)

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

static __always_inline void key_of_current(struct table_key *key)
{
	key_of_task(key, current_task());
}

#endif
#endif
