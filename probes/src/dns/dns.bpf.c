// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * DNS as the asking side sees it. cgroup_skb at the root of cgroup2 sees each
 * packet once, at its socket: queries as they leave one (egress) and replies
 * as they reach one (ingress); what a server on this host receives and answers
 * is passed over. A message is copied, at most 512 bytes of it, into the ring,
 * and paired here, so that a reply carries how long it took.
 *
 * The pairing goes by socket cookie, port, id and question. The other side's
 * address is no part of it: NAT on the way out shows another address here than
 * the reply comes from, and who asks several servers at once from one socket
 * takes the first reply and closes.
 *
 * The owner is the socket's v2 cgroup. Where that is the root, it is who called
 * connect or sendto on the socket, stamped by the address hooks, which run in
 * the caller's context.
 */
#include "packet.h"
#include "task.h"

#define DNS_PORT 53
#define DNS_HEADER 12
#define COPIED_MOST 512
#define NAME_WORDS 32
/* Unanswered for this long is a timeout; src/dns/waiting.rs says the same. */
#define TIMEOUT_NS 5000000000ULL
#define EEXIST 17
#define QUERIES 16384

enum {
	LOST_RING_FULL = 0,
	LOST_NOT_NOTED = 1,
	LOST_TCP_SPLIT = 2,
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
	__u8 remote[16];	/* IPv4 as ::ffff:a.b.c.d */
	__u16 remote_port;
	__u16 message_len;
	__u16 copied;		/* bytes of message that are of it */
	__u8 tcp;
	__u8 flags;
	__u8 message[COPIED_MOST + 8];
};
RECORD_LAYOUT(dns_record);

struct dns_owner {
	__u64 unified;
	__u64 memory;
	__u32 pid;
	char comm[COMM_LEN];
	__u32 unused;
};

struct dns_query {
	__u64 ktime_ns;
	struct dns_owner owner;
};

RECORD_RING(2 << 20);

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, QUERIES);
	__type(key, struct query_key);
	__type(value, struct dns_query);
} queries SEC(".maps");

/* Who uses a socket, by cookie. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, QUERIES);
	__type(key, __u64);
	__type(value, struct dns_owner);
} owners SEC(".maps");

/* TCP sockets that received what is not a message in one segment, by cookie. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} unread SEC(".maps");

/* Where the message is in the packet. */
struct place {
	__u32 at;
	__u32 len;		/* of the message */
	__u32 here;		/* of it in this packet */
	bool more;		/* bytes follow that are of another one */
};

static __always_inline int stamp(struct bpf_sock_addr *ctx)
{
	struct task_struct *task;
	struct dns_owner owner = {}, *known;
	__u64 cookie;

	if (ctx->user_port != net16(DNS_PORT))
		return 1;
	cookie = bpf_get_socket_cookie(ctx);
	task = (struct task_struct *)bpf_get_current_task();
	owner.pid = BPF_CORE_READ(task, tgid);
	known = bpf_map_lookup_elem(&owners, &cookie);
	if (known && known->pid == owner.pid)
		return 1;
	owner.unified = unified_id(task);
	owner.memory = memory_id(task);
	BPF_CORE_READ_INTO(&owner.comm, task, group_leader, comm);
	if (bpf_map_update_elem(&owners, &cookie, &owner, BPF_ANY))
		count_lost(LOST_NOT_NOTED);
	return 1;
}

SEC("cgroup/connect4")
int dns_connect4(struct bpf_sock_addr *ctx)
{
	return stamp(ctx);
}

SEC("cgroup/connect6")
int dns_connect6(struct bpf_sock_addr *ctx)
{
	return stamp(ctx);
}

SEC("cgroup/sendmsg4")
int dns_sendmsg4(struct bpf_sock_addr *ctx)
{
	return stamp(ctx);
}

SEC("cgroup/sendmsg6")
int dns_sendmsg6(struct bpf_sock_addr *ctx)
{
	return stamp(ctx);
}

static __always_inline void find_owner(struct dns_owner *owner, struct __sk_buff *skb, __u64 cookie)
{
	struct dns_owner *known = bpf_map_lookup_elem(&owners, &cookie);
	__u64 unified = bpf_skb_cgroup_id(skb);

	if (known)
		*owner = *known;
	/* The root says nothing; then the caller's own cgroup is the better answer. */
	if (unified > 1 || !known)
		owner->unified = unified;
}

static __always_inline bool find_in_tcp(struct place *place, struct __sk_buff *skb, __u32 at)
{
	__u8 words;
	__be16 len;

	if (bpf_skb_load_bytes(skb, at + 12, &words, 1))
		return false;
	at += (words >> 4) * 4;
	/* Anything shorter is no more than an acknowledgement or a length on its own. */
	if (at + 2 >= skb->len || bpf_skb_load_bytes(skb, at, &len, 2))
		return false;
	place->at = at + 2;
	place->len = __builtin_bswap16(len);
	place->here = skb->len - at - 2;
	place->more = place->here > place->len;
	if (place->more)
		place->here = place->len;
	return true;
}

static __always_inline bool find_in_udp(struct place *place, struct __sk_buff *skb, __u32 at)
{
	place->at = at + 8;
	if (skb->len < place->at)
		return false;
	place->len = skb->len - place->at;
	place->here = place->len;
	place->more = false;
	return true;
}

/*
 * Hashes the name, in lower case, and the type of the first question. Eight
 * bytes at a time up to the root label's zero: labels hold no other zeros, and
 * where they do both sides still hash the same. The zero is found by the
 * lowest borrow out of a byte.
 */
static __always_inline __u32 hash_question(const __u8 *message)
{
	const __u8 *question = message + DNS_HEADER;
	__u64 hash = 0, word, zeros = 0;
	__u32 i, at;

	for (i = 0; i < NAME_WORDS; i++) {
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

static __always_inline void map_v4(__u8 *to, __be32 address)
{
	__builtin_memset(to, 0, 10);
	to[10] = 0xff;
	to[11] = 0xff;
	__builtin_memcpy(to + 12, &address, 4);
}

/* The other side as the program knows it: of a connected socket its peer, which NAT does not touch. */
static __always_inline void read_remote(struct dns_record *record, struct __sk_buff *skb, struct transport *found,
					bool sent)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct bpf_sock *sk = skb->sk;
	bool connected = sk && sk->dst_port;

	record->remote_port = __builtin_bswap16(connected ? sk->dst_port : sent ? found->destination : found->source);
	if (skb->protocol == net16(ETH_P_IP)) {
		struct ipv4_header *ip = data;

		if (connected)
			map_v4(record->remote, sk->dst_ip4);
		else if ((void *)(ip + 1) <= end)
			map_v4(record->remote, sent ? ip->destination : ip->source);
	} else {
		struct ipv6_header *ip = data;

		if (connected) {
			__u32 words[4] = { sk->dst_ip6[0], sk->dst_ip6[1], sk->dst_ip6[2], sk->dst_ip6[3] };

			__builtin_memcpy(record->remote, words, 16);
		} else if ((void *)(ip + 1) <= end) {
			__builtin_memcpy(record->remote, sent ? ip->destination : ip->source, 16);
		}
	}
}

static __always_inline void name_owner(struct record_header *header, struct dns_owner *owner)
{
	header->unified = owner->unified;
	header->memory = owner->memory;
	header->pid = owner->pid;
	header->ns_pid = 0;
	__builtin_memcpy(header->comm, owner->comm, COMM_LEN);
}

static __always_inline void note_query(struct dns_record *record, struct __sk_buff *skb)
{
	struct dns_query query = { .ktime_ns = record->header.ktime_ns }, *known;
	struct query_key key = record->key;
	long error;

	find_owner(&query.owner, skb, key.cookie);
	name_owner(&record->header, &query.owner);
	error = bpf_map_update_elem(&queries, &key, &query, BPF_NOEXIST);
	if (error == -EEXIST) {
		known = bpf_map_lookup_elem(&queries, &key);
		if (known && query.ktime_ns - known->ktime_ns <= TIMEOUT_NS) {
			record->flags |= DNS_RETRY;
			return;
		}
		error = bpf_map_update_elem(&queries, &key, &query, BPF_ANY);
	}
	if (error)
		count_lost(LOST_NOT_NOTED);
}

/* False when nobody asked. */
static __always_inline bool pair_reply(struct dns_record *record)
{
	struct query_key key = record->key;
	struct dns_query *query = bpf_map_lookup_elem(&queries, &key);

	if (!query)
		return false;
	record->took_ns = record->header.ktime_ns - query->ktime_ns;
	name_owner(&record->header, &query->owner);
	/* A query that timed out stays noted, so that it can be told from one that was never seen. */
	if (record->took_ns > TIMEOUT_NS)
		record->flags |= DNS_LATE;
	else
		bpf_map_delete_elem(&queries, &key);
	return true;
}

static __always_inline void note_unread(__u64 cookie)
{
	__u64 now = bpf_ktime_get_ns();

	if (bpf_map_update_elem(&unread, &cookie, &now, BPF_ANY))
		count_lost(LOST_NOT_NOTED);
}

/* True when the record is to be sent. */
static __always_inline bool pair(struct dns_record *record, struct __sk_buff *skb, bool sent)
{
	struct dns_owner owner = {};

	if (sent) {
		note_query(record, skb);
		return true;
	}
	record->flags = DNS_REPLY;
	if (pair_reply(record))
		return true;
	/* In a stream this need not be the start of a message. */
	if (record->tcp)
		return false;
	record->flags |= DNS_UNMATCHED;
	find_owner(&owner, skb, record->key.cookie);
	name_owner(&record->header, &owner);
	return true;
}

static __always_inline bool copy_message(struct dns_record *record, struct __sk_buff *skb, struct place *place)
{
	__u32 copied = place->here;

	if (copied > COPIED_MOST)
		copied = COPIED_MOST;
	/* Keeps the compiler from dropping a check that the verifier wants to see. */
	asm volatile("" : "+r"(copied));
	if (copied < DNS_HEADER || copied > COPIED_MOST)
		return false;
	if (bpf_skb_load_bytes(skb, place->at, record->message, copied))
		return false;
	__builtin_memset(record->message + copied, 0, 8);
	record->copied = copied;
	record->message_len = place->len;
	return true;
}

static __always_inline void tell(struct __sk_buff *skb, struct transport *found, struct place *place, __u64 cookie,
				 bool sent)
{
	struct dns_record *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);

	if (!record) {
		count_lost(LOST_RING_FULL);
		return;
	}
	if (!copy_message(record, skb, place)) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		return;
	}
	start_record(&record->header, RECORD_DNS, sizeof(*record));
	record->took_ns = 0;
	record->flags = 0;
	record->tcp = found->protocol == IPPROTO_TCP;
	record->key.cookie = cookie;
	record->key.question = hash_question(record->message);
	__builtin_memcpy(&record->key.id, record->message, 2);
	record->key.local_port = sent ? found->source : found->destination;
	read_remote(record, skb, found, sent);
	if (pair(record, skb, sent)) {
		bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
		return;
	}
	note_unread(cookie);
	bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
}

/* A query of the standard kind (opcode 0) on its way out, or a reply to one on its way in. */
static __always_inline bool is_ours(struct __sk_buff *skb, struct place *place, bool sent)
{
	__u8 flags;

	if (place->here < DNS_HEADER || bpf_skb_load_bytes(skb, place->at + 2, &flags, 1))
		return false;
	return (flags & 0xf8) == (sent ? 0 : 0x80);
}

static __always_inline void see_stream(struct __sk_buff *skb, struct transport *found, bool sent)
{
	struct place place;
	__u64 cookie;

	if (!find_in_tcp(&place, skb, found->at))
		return;
	cookie = bpf_get_socket_cookie(skb);
	if (sent && (place.here < place.len || place.more))
		count_lost(LOST_TCP_SPLIT);
	if (!sent && place.more)
		note_unread(cookie);
	if (sent && place.here < place.len)
		return;
	if (is_ours(skb, &place, sent))
		tell(skb, found, &place, cookie, sent);
	else if (!sent)
		note_unread(cookie);
}

static __always_inline int see(struct __sk_buff *skb, bool sent)
{
	struct transport found;
	struct bpf_sock *sk;
	struct place place;

	if (!find_transport(&found, skb))
		return 1;
	if ((sent ? found.destination : found.source) != net16(DNS_PORT)) {
		/* NAT in the sender's own network namespace may have changed the port; what it connected to stays. */
		sk = skb->sk;
		if (!sk || sk->dst_port != net16(DNS_PORT))
			return 1;
	}
	if (found.protocol == IPPROTO_TCP)
		see_stream(skb, &found, sent);
	else if (find_in_udp(&place, skb, found.at) && is_ours(skb, &place, sent))
		tell(skb, &found, &place, bpf_get_socket_cookie(skb), sent);
	return 1;
}

SEC("cgroup_skb/egress")
int dns_egress(struct __sk_buff *skb)
{
	return see(skb, true);
}

SEC("cgroup_skb/ingress")
int dns_ingress(struct __sk_buff *skb)
{
	return see(skb, false);
}

char _license[] SEC("license") = "GPL";
