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
#define S_IFMT 00170000
#define S_IFSOCK 0140000

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

/* The same by copies: for any pointer. */
static __always_inline __u64 socket_cgroup_copied(struct sock *sk)
{
	struct sock_cgroup_data___tagged *tagged = (void *)&sk->sk_cgrp_data;
	__u64 word;

	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return BPF_CORE_READ(sk, sk_cgrp_data.cgroup, kn, id);
	word = BPF_CORE_READ(tagged, val);
	return word & 1 ? 0 : BPF_CORE_READ((struct cgroup *)(word & ~3ULL), kn, id);
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

/* True when the key, from key_of_caller(), is more than the socket itself will say later. */
static __always_inline bool says_more(const struct table_key *key, struct sock *sk)
{
	return key->memory || socket_cgroup(sk) <= 1;
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

/* The TCP socket behind a file of the file iterator, NULL for any other file. Read it by copies. */
static __always_inline struct sock *tcp_socket_of(struct file *file)
{
	struct socket *socket;
	struct sock *sk;
	__u16 family;

	if ((file->f_inode->i_mode & S_IFMT) != S_IFSOCK)
		return 0;
	socket = file->private_data;
	sk = BPF_CORE_READ(socket, sk);
	if (!sk)
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family != AF_INET && family != AF_INET6)
		return 0;
	return BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP ? sk : 0;
}

/* The owner of a socket that the file iterator found open in a task, by copies. */
static __always_inline void key_of_open(struct table_key *key, struct sock *sk, struct task_struct *task)
{
	key->unified = socket_cgroup_copied(sk);
	key->memory = memory_id(task);
	if (key->unified <= 1)
		key->unified = unified_id(task);
}

#endif
