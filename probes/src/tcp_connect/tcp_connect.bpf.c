// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * TCP connects as the client sees them. The one hook is the BTF tracepoint
 * sock:inet_sock_set_state, which fires on every change of state and on all
 * kernels since 4.16: no function to patch, nothing per packet. The change to
 * SYN_SENT happens inside connect(), in the caller's context: there the socket
 * is stamped with the time and with who calls. The change away from SYN_SENT,
 * often in softirq in somebody else's context, gives one record: how long the
 * handshake took, how it ended, both ends, and the stamped owner.
 */
#include "task.h"

#define AF_INET6 10
#define IPPROTO_TCP 6
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_CLOSE 7

enum {
	LOST_RING_FULL = 0,
	LOST_NOT_STAMPED = 1,
};

struct tcp_connect_record {
	struct record_header header;
	__u64 took_ns;
	__u8 local[16];		/* IPv4 as ::ffff:a.b.c.d */
	__u8 remote[16];
	__u16 local_port;
	__u16 remote_port;
	__u16 error;		/* errno of the failure, 0 when our side closed it */
	__u8 established;
	__u8 unused;
};
RECORD_LAYOUT(tcp_connect_record);

RECORD_RING(2 << 20);

/* Handshakes on their way, by socket. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct record_header);
} handshakes SEC(".maps");

/* The v2 cgroup that the socket was made in; 0 when the socket does not say. */
static __always_inline __u64 socket_cgroup(struct sock *sk)
{
	struct sock_cgroup_data___tagged *tagged = (void *)&sk->sk_cgrp_data;
	struct cgroup *cgroup;
	__u64 word;

	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return sk->sk_cgrp_data.cgroup->kn->id;
	word = BPF_CORE_READ(tagged, val);
	/* Bit 0: the word holds net_prio and net_cls numbers instead. */
	if (word & 1)
		return 0;
	cgroup = (void *)(word & ~3ULL);
	return cgroup ? BPF_CORE_READ(cgroup, kn, id) : 0;
}

/* As name_task() of task.h, less what costs time in connect() and nobody asks for: ns_pid stays 0. */
static __always_inline void name_owner(struct record_header *header, struct sock *sk)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 cgroup = socket_cgroup(sk);

	/* The root says nothing; then the caller's own cgroup is the better answer. */
	header->unified = cgroup > 1 ? cgroup : unified_id(task);
	header->memory = memory_id(task);
	header->pid = bpf_get_current_pid_tgid() >> 32;
	BPF_CORE_READ_INTO(&header->comm, task, group_leader, comm);
}

static __always_inline int stamp(struct sock *sk)
{
	struct record_header header = {};
	__u64 key = (__u64)sk;

	start_record(&header, RECORD_TCP_CONNECT, sizeof(struct tcp_connect_record));
	name_owner(&header, sk);
	bpf_map_update_elem(&handshakes, &key, &header, BPF_ANY);
	return 0;
}

static __always_inline void map_v4(__u8 *to, __be32 address)
{
	__builtin_memset(to, 0, 10);
	to[10] = 0xff;
	to[11] = 0xff;
	__builtin_memcpy(to + 12, &address, 4);
}

static __always_inline void read_ends(struct tcp_connect_record *record, struct sock *sk)
{
	struct inet_sock *inet = (void *)sk;

	if (sk->__sk_common.skc_family == AF_INET6) {
		BPF_CORE_READ_INTO(&record->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&record->remote, sk, __sk_common.skc_v6_daddr);
	} else {
		map_v4(record->local, sk->__sk_common.skc_rcv_saddr);
		map_v4(record->remote, sk->__sk_common.skc_daddr);
	}
	/* skc_num is cleared before the change to CLOSE is told; inet_sport stays. */
	record->local_port = __builtin_bswap16(BPF_CORE_READ(inet, inet_sport));
	record->remote_port = __builtin_bswap16(sk->__sk_common.skc_dport);
}

static __always_inline int finish(struct sock *sk, bool established)
{
	struct tcp_connect_record *record;
	struct record_header *stamped;
	__u64 key = (__u64)sk;

	stamped = bpf_map_lookup_elem(&handshakes, &key);
	if (!stamped) {
		count_lost(LOST_NOT_STAMPED);
		return 0;
	}
	record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		count_lost(LOST_RING_FULL);
		bpf_map_delete_elem(&handshakes, &key);
		return 0;
	}
	record->header = *stamped;
	bpf_map_delete_elem(&handshakes, &key);
	record->took_ns = bpf_ktime_get_ns() - record->header.ktime_ns;
	record->header.ktime_ns += record->took_ns;
	read_ends(record, sk);
	record->established = established;
	record->error = established ? 0 : sk->sk_err;
	record->unused = 0;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

/* (const struct sock *sk, const int oldstate, const int newstate) */
SEC("tp_btf/inet_sock_set_state")
int tcp_connect(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	int oldstate = (int)ctx[1];
	int newstate = (int)ctx[2];

	if (newstate != TCP_SYN_SENT && oldstate != TCP_SYN_SENT)
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (newstate == TCP_SYN_SENT)
		return stamp(sk);
	if (newstate == TCP_ESTABLISHED || newstate == TCP_CLOSE)
		return finish(sk, newstate == TCP_ESTABLISHED);
	return 0;
}

char _license[] SEC("license") = "GPL";
