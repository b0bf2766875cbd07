/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Who listens on a port, noted while listen() runs: an accepted socket is made
 * in softirq and says its listener's v2 cgroup, but not the memory cgroup that
 * names a container on hosts with v1 controllers. Empty where the socket says
 * enough.
 */
#ifndef TAPIO_LISTENERS_H
#define TAPIO_LISTENERS_H

#include "socket.h"

struct port_key {
	__u64 net;
	__u64 port;
};

struct listener {
	__u64 said;		/* what socket_cgroup() gave, the same for accepted sockets */
	__u64 unified;
	__u64 memory;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct port_key);
	__type(value, struct listener);
} listeners SEC(".maps");

/* Spares the look-ups where there is nothing to find. */
static volatile __u32 listeners_noted;

static __always_inline void note_listener(const struct port_key *port, __u64 said, const struct table_key *owner)
{
	struct listener listener = {
		.said = said,
		.unified = owner->unified,
		.memory = owner->memory,
	};

	bpf_map_update_elem(&listeners, port, &listener, BPF_ANY);
	listeners_noted = 1;
}

/* For the change to LISTEN, which is told in the context of listen(). */
static __always_inline void note_listen_call(struct sock *sk)
{
	struct port_key port = { (__u64)sk->__sk_common.skc_net.net, sk->__sk_common.skc_num };
	struct table_key owner = {};

	key_of_caller(&owner, sk);
	if (says_more(&owner, sk))
		note_listener(&port, socket_cgroup(sk), &owner);
}

/* The owner of a socket by what it says, and by who listens on its port. */
static __always_inline void key_of_socket(struct table_key *key, struct sock *sk)
{
	struct inet_sock *inet = (void *)sk;
	struct listener *listener;
	struct port_key port;

	key->unified = socket_cgroup(sk);
	key->memory = 0;
	if (!listeners_noted)
		return;
	port.net = (__u64)sk->__sk_common.skc_net.net;
	port.port = __builtin_bswap16(BPF_CORE_READ(inet, inet_sport));
	listener = bpf_map_lookup_elem(&listeners, &port);
	if (!listener || listener->said != key->unified)
		return;
	key->unified = listener->unified;
	key->memory = listener->memory;
}

#endif
