/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * What a socket does not say about its owner: the memory cgroup, which names a
 * container on hosts with v1 controllers. It is noted in the owner's context,
 * while connect() and listen() run: once for a v2 cgroup that goes with one
 * memory cgroup only, as runtimes make them; by port, for accepted sockets, and
 * by socket, which is left to the probe, where it goes with several, as the v2
 * root does. Where memory is on v2 nothing is noted and nothing looked up.
 */
#ifndef TAPIO_OWNER_H
#define TAPIO_OWNER_H

#include "socket.h"

struct companion {
	__u64 memory;
	__u64 is_one_of_many;
};

/* The memory cgroups that go with v2 cgroups, by id. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct companion);
} companions SEC(".maps");

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

/* Spare the look-ups where there is nothing to find. */
static volatile __u32 companions_noted;
static volatile __u32 listeners_noted;

/* True when the v2 cgroup `said` will not be enough to find the memory cgroup again. */
static __always_inline bool note_companion(__u64 said, __u64 memory)
{
	struct companion fresh = { .memory = memory }, *known;

	if (said <= 1)
		return true;
	known = bpf_map_lookup_elem(&companions, &said);
	if (!known) {
		bpf_map_update_elem(&companions, &said, &fresh, BPF_ANY);
		companions_noted = 1;
		return false;
	}
	if (known->memory != memory)
		known->is_one_of_many = 1;
	return known->is_one_of_many;
}

/*
 * The owner of a socket whose connect() or listen() is running. True when
 * key_of_socket() will not know it later.
 */
static __always_inline bool note_caller(struct table_key *owner, struct sock *sk)
{
	key_of_caller(owner, sk);
	return says_more(owner, sk) && note_companion(socket_cgroup(sk), owner->memory);
}

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

	note_caller(&owner, sk);
	/* Always: a second memory cgroup may turn up later. */
	if (says_more(&owner, sk))
		note_listener(&port, socket_cgroup(sk), &owner);
}

/* The owner of a socket by what it says and what was noted. */
static __always_inline void key_of_socket(struct table_key *key, struct sock *sk)
{
	struct inet_sock *inet = (void *)sk;
	__u64 said = socket_cgroup(sk);
	struct companion *companion;
	struct listener *listener;
	struct port_key port;

	key->unified = said;
	key->memory = 0;
	if (companions_noted && said > 1) {
		companion = bpf_map_lookup_elem(&companions, &said);
		if (companion && !companion->is_one_of_many) {
			key->memory = companion->memory;
			return;
		}
	}
	if (!listeners_noted)
		return;
	port.net = (__u64)sk->__sk_common.skc_net.net;
	port.port = __builtin_bswap16(BPF_CORE_READ(inet, inet_sport));
	listener = bpf_map_lookup_elem(&listeners, &port);
	if (!listener || listener->said != said)
		return;
	key->unified = listener->unified;
	key->memory = listener->memory;
}

#endif
