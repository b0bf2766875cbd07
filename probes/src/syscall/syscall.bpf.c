// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * System calls by cgroup: how many of each, which failed and how, and how long
 * the ones asked for took. The hooks are the BTF tracepoints sys_exit, which
 * knows number and result, and sys_enter, which only stamps the calls that are
 * timed. Everything is counted in tables; nothing leaves the kernel per call.
 */
#include "syscall.h"

#define EAGAIN 11
#define ENFILE 23
#define EMFILE 24
#define ENOSPC 28
#define EADDRINUSE 98
#define EADDRNOTAVAIL 99
#define ETIMEDOUT 110
#define ECONNREFUSED 111
#define MAX_ERRNO 4095

/* Marks for a restart, which no program gets to see; include/linux/errno.h. */
#define ERESTARTSYS 512
#define ERESTART_RESTARTBLOCK 516

enum {
	LOST_NO_STORAGE = 0,
	LOST_TABLE_FULL = 1,
};

/* When the task entered a timed call; 0 outside. */
STAMPS(entered);

/* sub: number. A call is in one of them, so that no call costs two look-ups. */
TABLE(calls, one_count, 32768, LOST_TABLE_FULL);
TABLE(timed, counted_histogram, 4096, LOST_TABLE_FULL);
/* sub: number, errno. */
TABLE(errors, one_count, 16384, LOST_TABLE_FULL);
/* As errors, of those alone that say that something ran out or cannot be reached. */
TABLE(wants, one_count, 4096, LOST_TABLE_FULL);

static __always_inline bool is_error(long error)
{
	return error > 0 && error <= MAX_ERRNO && (error < ERESTARTSYS || error > ERESTART_RESTARTBLOCK);
}

static __always_inline bool says_want(__u32 error, __u8 class)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOSPC:
	case EADDRINUSE:
	case EADDRNOTAVAIL:
	case ECONNREFUSED:
		return true;
	case ETIMEDOUT:
		return !(class & SYSCALL_WAITS);
	case EAGAIN:
		return class & SYSCALL_MAKES_TASKS;
	}
	return false;
}

static __always_inline void count_error(struct table_key *key, __u32 error, __u8 class)
{
	struct one_count *row;

	key->sub[1] = error;
	row = errors_row(key);
	if (row)
		row->count += 1;
	if (!says_want(error, class))
		return;
	row = wants_row(key);
	if (row)
		row->count += 1;
}

static __always_inline void count_call(const struct table_key *key)
{
	struct one_count *row = calls_row(key);

	if (row)
		row->count += 1;
}

/* A call that was under way when the programs were attached has no start. */
static __always_inline void count_timed(struct task_struct *task, const struct table_key *key)
{
	struct counted_histogram *row = timed_row(key);
	__u64 *since;

	if (!row)
		return;
	row->count += 1;
	since = entered_of(task, 0);
	if (!since || !*since)
		return;
	histogram_add(&row->histogram, bpf_ktime_get_ns() - *since);
	*since = 0;
}

/* (struct pt_regs *regs, long id) */
SEC("tp_btf/sys_enter")
int syscall_enter(__u64 *ctx)
{
	__u64 *since;

	if (!(syscall_class(ctx[1]) & SYSCALL_TIMED))
		return 0;
	since = entered_of(current_task(), STAMP_CREATE);
	if (since)
		*since = bpf_ktime_get_ns();
	else
		count_lost(LOST_NO_STORAGE);
	return 0;
}

/* (struct pt_regs *regs, long ret) */
SEC("tp_btf/sys_exit")
int syscall_exit(__u64 *ctx)
{
	struct task_struct *task = current_task();
	__u32 number = syscall_number(task, (struct pt_regs *)ctx[0]);
	__u8 class = syscall_class(number);
	long error = -(long)ctx[1];
	struct table_key key = {};

	key_of_current(&key);
	key.sub[0] = number;
	if (class & SYSCALL_TIMED)
		count_timed(task, &key);
	else
		count_call(&key);
	if (is_error(error))
		count_error(&key, error, class);
	return 0;
}

char _license[] SEC("license") = "GPL";
