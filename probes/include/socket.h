/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * TCP sockets: who owns one, and its two ends. A change of state often runs in
 * softirq or in somebody else's context, so the owner is what the socket says;
 * only in connect() and listen() is the caller the owner too.
 */
#ifndef TAPIO_SOCKET_H
#define TAPIO_SOCKET_H

#include "table.h"

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6

/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_SYN_RECV = 3,
	TCP_FIN_WAIT1 = 4,
	TCP_FIN_WAIT2 = 5,
	TCP_TIME_WAIT = 6,
	TCP_CLOSE = 7,
	TCP_CLOSE_WAIT = 8,
	TCP_LAST_ACK = 9,
	TCP_LISTEN = 10,
	TCP_CLOSING = 11,
	TCP_NEW_SYN_RECV = 12,
};

/* The v2 cgroup that the socket was made in, an accepted one's listener; 0 when the socket does not say. */
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

/*
 * The owner of a socket whose connect() or listen() is running. The v2 root
 * says nothing; then the caller's own cgroup is the better answer.
 */
static __always_inline void key_of_caller(struct table_key *key, struct sock *sk)
{
	__u64 cgroup = socket_cgroup(sk);

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf))
		key_in_place(key, bpf_get_current_task_btf());
	else
		key_of_task(key, (struct task_struct *)bpf_get_current_task());
	if (cgroup > 1)
		key->unified = cgroup;
}

/* The command name of the current process: of its first thread. */
static __always_inline void name_caller(char comm[COMM_LEN])
{
	struct task_struct *task;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		task = bpf_get_current_task_btf();
		__builtin_memcpy(comm, task->group_leader->comm, COMM_LEN);
	} else {
		task = (struct task_struct *)bpf_get_current_task();
		bpf_probe_read_kernel(comm, COMM_LEN, BPF_CORE_READ(task, group_leader)->comm);
	}
}

static __always_inline void map_v4(__u8 *to, __be32 address)
{
	__u32 *words = (__u32 *)to;

	words[0] = 0;
	words[1] = 0;
	words[2] = __builtin_bswap32(0xffff);
	words[3] = address;
}

/* Both ends; an IPv4 address as ::ffff:a.b.c.d. `local` and `remote` are 16 bytes, aligned to 8. */
static __always_inline void read_addresses(struct sock *sk, __u8 *local, __u8 *remote)
{
	if (sk->__sk_common.skc_family == AF_INET6) {
		__builtin_memcpy(local, &sk->__sk_common.skc_v6_rcv_saddr, 16);
		__builtin_memcpy(remote, &sk->__sk_common.skc_v6_daddr, 16);
	} else {
		map_v4(local, sk->__sk_common.skc_rcv_saddr);
		map_v4(remote, sk->__sk_common.skc_daddr);
	}
}

#endif
