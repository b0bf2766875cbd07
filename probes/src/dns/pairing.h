/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Which reply is to which query, and who asked. What of the message tells that
 * is a hash of the question, so that an id used again for another question is
 * another query.
 */
#ifndef TAPIO_DNS_PAIRING_H
#define TAPIO_DNS_PAIRING_H

#include "packet.h"
#include "task.h"

/* As in kernel.h, and record_kind of record.h. */
enum {
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	RECORD_DNS = 16,
};

#define DNS_PORT 53
#define DNS_HEADER 12

/* Unanswered for this long is a timeout; src/dns/waiting.rs says the same. */
#define TIMEOUT_NS 5000000000ULL

#define SETS_LOG2 13
#define SETS (1 << SETS_LOG2)
#define WAYS 4

enum {
	LOST_RING_FULL = 0,
	LOST_NOT_NOTED = 1,
	LOST_TCP_SPLIT = 2,
	LOST_THINNED = 3,
};

enum {
	DNS_REPLY = 1,
	DNS_RETRY = 2,		/* the same query is on its way already */
	DNS_LATE = 4,		/* a reply after the timeout */
	DNS_UNMATCHED = 8,	/* a reply to no query that was seen, or a second one */
};

struct query_key {
	__u64 cookie;
	__u32 question;		/* hash of name and type */
	__be16 id;
	__be16 local_port;
};

struct dns_record {
	struct record_header header;
	__u64 took_ns;
	struct query_key key;
	__u32 set;		/* of queries, where the query is noted */
	__u32 unused;
	__u8 remote[16];	/* IPv4 as ::ffff:a.b.c.d */
	__u16 remote_port;
	__u16 message_len;
	__u16 copied;		/* bytes of it in this record */
	__u8 tcp;
	__u8 flags;
	/* the message follows */
};
RECORD_LAYOUT(dns_record);

struct dns_owner {
	__u64 unified;
	__u64 memory;
	char comm[COMM_LEN];
	__u32 pid;
};

/* A query that waits for its reply. */
struct dns_query {
	struct query_key key;
	__u64 ktime_ns;		/* 0 when it was answered */
	__u64 unified;
	__u64 memory;
	char comm[COMM_LEN];
	__u32 pid;
	__u32 unused;
};

/* The queries whose keys have the same hash; a new one takes the place of the oldest. */
struct query_set {
	struct bpf_spin_lock lock;
	__u32 unused;
	struct dns_query queries[WAYS];
};

/*
 * The queries on their way: an LRU of four ways, by hand. It takes half the time
 * of BPF_MAP_TYPE_LRU_HASH, which would have an insertion and a deletion for
 * every query.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SETS);
	__type(key, __u32);
	__type(value, struct query_set);
} queries SEC(".maps");

/* The key is copied: kernels before 6.2 take none out of a record. */
static __always_inline struct query_set *set_of(const struct dns_record *record)
{
	__u32 set = record->set;

	return bpf_map_lookup_elem(&queries, &set);
}

/* Who uses a socket; gone with the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct dns_owner);
} owners SEC(".maps");

static __always_inline int stamp(struct bpf_sock_addr *ctx)
{
	struct task_struct *task;
	struct dns_owner *owner;
	__u32 pid;

	if (ctx->user_port != net16(DNS_PORT) || !ctx->sk)
		return 1;
	owner = bpf_sk_storage_get(&owners, ctx->sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!owner) {
		count_lost(LOST_NOT_NOTED);
		return 1;
	}
	task = (struct task_struct *)bpf_get_current_task();
	pid = BPF_CORE_READ(task, tgid);
	if (owner->pid == pid)
		return 1;
	owner->unified = unified_id(task);
	owner->memory = memory_id(task);
	BPF_CORE_READ_INTO(&owner->comm, task, group_leader, comm);
	owner->pid = pid;
	return 1;
}

/* Names in the record who uses the socket. */
static __always_inline void find_owner(struct record_header *header, struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct dns_owner *owner = 0;
	__u64 unified = bpf_skb_cgroup_id(skb);

	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (sk)
		owner = bpf_sk_storage_get(&owners, sk, 0, 0);
	/* The root says nothing; then the caller's own cgroup is the better answer. */
	header->unified = unified > 1 || !owner ? unified : owner->unified;
	header->memory = owner ? owner->memory : 0;
	header->pid = owner ? owner->pid : 0;
	header->ns_pid = 0;
	if (owner)
		__builtin_memcpy(header->comm, owner->comm, COMM_LEN);
	else
		__builtin_memset(header->comm, 0, COMM_LEN);
}

/*
 * Hashes the name, in lower case, and the type of the first question. Eight
 * bytes at a time up to the root label's zero: labels hold no other zeros, and
 * where they do both sides still hash the same. The zero is found by the
 * lowest borrow out of a byte.
 */
static __always_inline __u32 hash_question(const __u8 *message, __u32 words)
{
	const __u8 *question = message + DNS_HEADER;
	__u64 hash = 0, word, zeros = 0;
	__u32 i, at;

#pragma clang loop unroll(disable)
	for (i = 0; i < words; i++) {
		word = *(const __u64 *)(question + i * 8);
		zeros = (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;
		if (zeros)
			break;
		hash = (hash ^ (word | 0x2020202020202020ULL)) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 29;
	}
	if (!zeros)
		return hash;
	word &= ((zeros & -zeros) >> 7) - 1;
	hash = (hash ^ (word | 0x2020202020202020ULL)) * 0x9e3779b97f4a7c15ULL;
	at = i * 8 + 1;
	if (!(zeros & 0xffffffff)) {
		at += 4;
		zeros >>= 32;
	}
	if (!(zeros & 0xffff)) {
		at += 2;
		zeros >>= 16;
	}
	if (!(zeros & 0xff))
		at += 1;
	hash ^= hash >> 29;
	hash = (hash ^ *(const __u16 *)(question + at)) * 0x9e3779b97f4a7c15ULL;
	return hash >> 32;
}

static __always_inline bool is_same(struct query_key *one, struct query_key *other)
{
	return one->cookie == other->cookie && one->question == other->question && one->id == other->id &&
	       one->local_port == other->local_port;
}

static __always_inline void note_query(struct dns_record *record, struct __sk_buff *skb)
{
	struct query_key key = record->key;
	__u64 now = record->header.ktime_ns;
	struct dns_query *place;
	bool retry = false, crowded = false;
	struct query_set *set;
	__u32 i;

	find_owner(&record->header, skb);
	set = set_of(record);
	if (!set)
		return;
	bpf_spin_lock(&set->lock);
	place = &set->queries[0];
	for (i = 0; i < WAYS; i++) {
		struct dns_query *other = &set->queries[i];

		if (is_same(&other->key, &key)) {
			retry = other->ktime_ns && now - other->ktime_ns <= TIMEOUT_NS;
			place = other;
			break;
		}
		if (other->ktime_ns < place->ktime_ns)
			place = other;
	}
	if (!retry) {
		crowded = i == WAYS && place->ktime_ns && now - place->ktime_ns <= TIMEOUT_NS;
		place->key = key;
		place->ktime_ns = now;
		place->unified = record->header.unified;
		place->memory = record->header.memory;
		place->pid = record->header.pid;
		__builtin_memcpy(place->comm, record->header.comm, COMM_LEN);
	}
	bpf_spin_unlock(&set->lock);
	if (retry)
		record->flags |= DNS_RETRY;
	if (crowded)
		count_lost(LOST_NOT_NOTED);
}

/* False when nobody asked. */
static __always_inline bool pair_reply(struct dns_record *record)
{
	struct query_set *set = set_of(record);
	struct query_key key = record->key;
	__u64 now = record->header.ktime_ns;
	bool found = false;
	__u32 i;

	if (!set)
		return false;
	bpf_spin_lock(&set->lock);
	for (i = 0; i < WAYS; i++) {
		struct dns_query *query = &set->queries[i];

		if (!query->ktime_ns || !is_same(&query->key, &key))
			continue;
		found = true;
		record->took_ns = now - query->ktime_ns;
		record->header.unified = query->unified;
		record->header.memory = query->memory;
		record->header.pid = query->pid;
		record->header.ns_pid = 0;
		__builtin_memcpy(record->header.comm, query->comm, COMM_LEN);
		/* A query that timed out stays noted, so that it can be told from one that was never seen. */
		if (record->took_ns <= TIMEOUT_NS)
			query->ktime_ns = 0;
		break;
	}
	bpf_spin_unlock(&set->lock);
	if (found && record->took_ns > TIMEOUT_NS)
		record->flags |= DNS_LATE;
	return found;
}

#endif
