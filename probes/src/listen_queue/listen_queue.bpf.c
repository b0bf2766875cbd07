// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * Connections that a listener turned away because its queue was full. No
 * tracepoint tells of one, but every listening socket counts them (sk_drops):
 * the count is read on a walk over the open files of all processes, and when
 * the listener closes (BTF tracepoint sock:inet_sock_set_state).
 */
#include "socket.h"

enum {
	LOST_TOO_MANY = 0,
	LOST_TABLE_FULL = 1,
};

TABLE(overflows, one_count, 1024, LOST_TABLE_FULL);

struct listening {
	struct table_key owner;
	__u64 drops;		/* already counted */
};

/* Listening sockets. Not LRU: forgetting what was counted would lose what comes next. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct listening);
} listening SEC(".maps");

/* The kernel's counter has 32 bits and may wrap. */
static __always_inline void settle(struct listening *seen, __u32 drops)
{
	__s32 more = drops - (__u32)seen->drops;
	struct one_count *row;

	if (more <= 0)
		return;
	seen->drops = drops;
	row = overflows_row(&seen->owner);
	if (row)
		__sync_fetch_and_add(&row->count, more);
}

static __always_inline void note(struct sock *sk, const struct listening *seen)
{
	__u64 key = (__u64)sk;

	if (bpf_map_update_elem(&listening, &key, seen, BPF_ANY))
		count_lost(LOST_TOO_MANY);
}

/* (const struct sock *sk, const int oldstate, const int newstate) */
SEC("tp_btf/inet_sock_set_state")
int listen_queue(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	int oldstate = (int)ctx[1];
	int newstate = (int)ctx[2];
	struct listening fresh = {}, *seen;
	__u64 key = (__u64)sk;

	if (newstate != TCP_LISTEN && oldstate != TCP_LISTEN)
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (newstate == TCP_LISTEN) {
		key_of_caller(&fresh.owner, sk);
		fresh.drops = (__u32)sk->sk_drops.counter;
		note(sk, &fresh);
		return 0;
	}
	seen = bpf_map_lookup_elem(&listening, &key);
	if (seen) {
		settle(seen, sk->sk_drops.counter);
		bpf_map_delete_elem(&listening, &key);
	}
	return 0;
}

SEC("iter/task_file")
int listen_queue_walk(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct listening fresh = {}, *seen;
	struct sock *sk;
	__u32 drops;
	__u64 key;

	if (!task || !file)
		return 0;
	sk = tcp_socket_of(file);
	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN)
		return 0;
	key = (__u64)sk;
	drops = BPF_CORE_READ(sk, sk_drops.counter);
	seen = bpf_map_lookup_elem(&listening, &key);
	if (seen) {
		settle(seen, drops);
		return 0;
	}
	/* It was there before: what it turned away until now is not counted. */
	key_of_open(&fresh.owner, sk, task);
	fresh.drops = drops;
	note(sk, &fresh);
	return 0;
}

char _license[] SEC("license") = "GPL";
