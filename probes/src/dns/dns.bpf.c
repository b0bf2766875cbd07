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
#include "pairing.h"

/*
 * Most messages are short: those have smaller records, which keeps the part of
 * the ring in use small enough for the CPU's caches. Eight bytes stay free at
 * the end, and the words hashed fit in with the type behind them.
 */
#define SHORT_MESSAGE 136
#define SHORT_WORDS 15
#define LONG_MESSAGE 512
#define LONG_WORDS 32

RECORD_RING(4 << 20);

/* TCP sockets that received what is not a message in one segment, by cookie. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} unread SEC(".maps");

/* Room for an answer that finds none in the ring. Answers come in softirq, one after the other on a CPU. */
struct dns_scratch {
	struct dns_record record;
	__u8 message[LONG_MESSAGE + 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dns_scratch);
} scratch SEC(".maps");

/* Where the message is in the packet. */
struct place {
	__u32 at;
	__u32 len;		/* of the message */
	__u32 here;		/* of it in this packet */
	bool more;		/* bytes follow that are of another one */
};

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

static __always_inline void note_unread(__u64 cookie)
{
	__u64 now = bpf_ktime_get_ns();

	if (bpf_map_update_elem(&unread, &cookie, &now, BPF_ANY))
		count_lost(LOST_NOT_NOTED);
}

/* True when the record is to be sent. */
static __always_inline bool pair(struct dns_record *record, struct __sk_buff *skb, bool sent)
{
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
	find_owner(&record->header, skb);
	return true;
}

/* A query of the standard kind (opcode 0) on its way out, or a reply to one on its way in. */
static __always_inline bool is_ours(const __u8 *message, bool sent)
{
	return (message[2] & 0xf8) == (sent ? 0 : 0x80);
}

static __always_inline bool copy_message(struct dns_record *record, struct __sk_buff *skb, struct place *place, __u32 room)
{
	__u8 *message = (__u8 *)(record + 1);
	__u32 copied = place->here;

	if (copied > room)
		copied = room;
	/* Keeps the compiler from dropping a check that the verifier wants to see, or from making one of both. */
	barrier_var(copied);
	if (copied > room)
		return false;
	barrier_var(copied);
	if (copied < DNS_HEADER)
		return false;
	if (bpf_skb_load_bytes(skb, place->at, message, copied))
		return false;
	__builtin_memset(message + copied, 0, 8);
	record->copied = copied;
	record->message_len = place->len;
	return true;
}

/* What ties the message to others; it is copied already. */
static __always_inline void fill_key(struct dns_record *record, struct transport *found, __u64 cookie, bool sent,
				     __u32 words)
{
	__u8 *message = (__u8 *)(record + 1);

	record->took_ns = 0;
	record->flags = 0;
	record->tcp = found->protocol == IPPROTO_TCP;
	record->key.cookie = cookie;
	record->key.question = hash_question(message, words);
	__builtin_memcpy(&record->key.id, message, 2);
	record->key.local_port = sent ? found->source : found->destination;
	record->set = (record->key.question ^ (__u32)cookie * 0x9e3779b1) >> (32 - SETS_LOG2);
	record->unused = 0;
}

/*
 * An answer of which no record is sent: the query waits no longer all the same,
 * or it would be taken for one that timed out.
 */
static __noinline int answer_untold(struct __sk_buff *skb, struct transport *found, struct place *place, __u64 cookie)
{
	__u32 zero = 0;
	struct dns_scratch *untold = bpf_map_lookup_elem(&scratch, &zero);

	if (!untold || !found || !place)
		return 0;
	if (!copy_message(&untold->record, skb, place, LONG_MESSAGE) || !is_ours(untold->message, false))
		return 0;
	untold->record.header.ktime_ns = bpf_ktime_get_ns();
	fill_key(&untold->record, found, cookie, false, LONG_WORDS);
	pair_reply(&untold->record);
	return 0;
}

static __always_inline void tell_in(struct __sk_buff *skb, struct transport *found, struct place *place, __u64 cookie,
				    bool sent, __u32 room, __u32 words)
{
	__u32 len = sizeof(struct dns_record) + room + 8;
	struct dns_record *record = bpf_ringbuf_reserve(&records, len, 0);

	if (!record) {
		count_lost(LOST_RING_FULL);
		if (!sent)
			answer_untold(skb, found, place, cookie);
		return;
	}
	if (!copy_message(record, skb, place, room) || !is_ours((__u8 *)(record + 1), sent))
		goto discard;
	start_record(&record->header, RECORD_DNS, len);
	fill_key(record, found, cookie, sent, words);
	read_remote(record, skb, found, sent);
	if (pair(record, skb, sent)) {
		bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
		return;
	}
discard:
	bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
	if (!sent && found->protocol == IPPROTO_TCP)
		note_unread(cookie);
}

/* True for most answers without an error when the ring is nearly full. */
static __always_inline bool is_left_out(struct __sk_buff *skb, struct place *place)
{
	__u8 rcode;

	if (bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) < bpf_ringbuf_query(&records, BPF_RB_RING_SIZE) / 2)
		return false;
	if (bpf_skb_load_bytes(skb, place->at + 3, &rcode, 1) || rcode & 0xf)
		return false;
	return is_thinned(&records, LOST_THINNED);
}

static __always_inline void tell(struct __sk_buff *skb, struct transport *found, struct place *place, __u64 cookie,
				 bool sent)
{
	if (!sent && is_left_out(skb, place))
		answer_untold(skb, found, place, cookie);
	else if (place->here <= SHORT_MESSAGE)
		tell_in(skb, found, place, cookie, sent, SHORT_MESSAGE, SHORT_WORDS);
	else
		tell_in(skb, found, place, cookie, sent, LONG_MESSAGE, LONG_WORDS);
}

/* Finds what may be a message; in a stream only one that begins with the segment, and a query only if it ends there too. */
static __always_inline bool find_message(struct place *place, struct __sk_buff *skb, struct transport *found,
					 __u64 cookie, bool sent)
{
	if (found->protocol == IPPROTO_UDP)
		return find_in_udp(place, skb, found->at);
	if (!find_in_tcp(place, skb, found->at))
		return false;
	if (!sent && place->more)
		note_unread(cookie);
	if (!sent)
		return true;
	if (place->here < place->len || place->more)
		count_lost(LOST_TCP_SPLIT);
	return place->here == place->len;
}

static __always_inline bool is_dns(struct __sk_buff *skb, struct transport *found, bool sent)
{
	struct bpf_sock *sk;

	if ((sent ? found->destination : found->source) == net16(DNS_PORT))
		return true;
	/* NAT in the sender's own network namespace may have changed the port; what it connected to stays. */
	sk = skb->sk;
	return sk && sk->dst_port == net16(DNS_PORT);
}

static __always_inline int see(struct __sk_buff *skb, bool sent)
{
	struct transport found;
	struct place place;
	__u64 cookie;

	if (!find_transport(&found, skb) || !is_dns(skb, &found, sent))
		return 1;
	cookie = bpf_get_socket_cookie(skb);
	if (find_message(&place, skb, &found, cookie, sent))
		tell(skb, &found, &place, cookie, sent);
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
