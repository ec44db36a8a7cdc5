/* SPDX-License-Identifier: MIT */
/*
 * Takeover: who works which share of a service's records, and from where.
 *
 * One service with P partitions of N records each, and two keys. Lane 0 is
 * `stable`; a split makes lane 1 out of key 1, in all partitions. Workers 0 and
 * 1 are members of blue, worker 2 is green's. A row of `positions` is a lane in
 * a partition. There is no lock but the rows': a worker that takes a row over
 * raises its epoch, and a batch commits by compare-and-set on (next, epoch).
 * Epochs are not counted: `holder` and `valid` say whose epoch is the row's
 * present one, so that the state space is finite and an endless change of
 * holders is a cycle in it.
 *
 * The coordinator of blue's group names an owner for each partition and may
 * change its mind REBALS times; a worker learns of it when it likes, or when it
 * asks (the proof of membership). With FREE it says yes to everybody for ever:
 * every zombie and every split brain; then safety only, for nothing comes to
 * rest.
 *
 * With APART a worker that takes over two unequal lanes of the partition may
 * read the one behind by a second reader, which has no group. That one has an
 * offset and acknowledgements of its own, and works under the same row and the
 * same epoch; a batch may hold records of both readers. When they are level, the
 * worker takes the partition over anew, and one reader reads both lanes again.
 *
 * Faults (CRASHES of them): a worker is killed and comes back; a worker stands
 * still for ever in its COPY, its keys locked (the coordinator then names the
 * other one); green dies for good; a COMMIT of unknown outcome, whose message
 * is still under way to the server and may be executed at any later time (the
 * ghost).
 *
 * Properties, as assertions:
 *   twice    no record is acted on twice
 *   skipped  no record below its row's next is without its effect
 *   lost     no record below its row's emitted is without its fact
 *   at rest  everything is decided and published (but what a dead green holds)
 *   order    the first publications of one key are in offset order
 *   early    no fact before its record's commit
 *   epoch    no commit by a colour that does not hold the lane, none by another
 *            worker than the row's holder
 * and as cycles: no endless run without a commit (livelock; compiled with NP).
 *
 * Each mutation (spin -DNAME) is a mistake that a developer could make. README.md
 * says what each breaks, and which test of the code goes red for it.
 */
#ifndef P
#define P 1
#endif
#ifndef N
#define N 4
#endif
#ifndef MOVES
#define MOVES 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef REBALS
#define REBALS 1
#endif
#ifndef BATCH              /* records of a partition in a batch, at most */
#define BATCH 2
#endif
#define NOBODY 3

#define MIN(a, b) ((a) < (b) -> (a) : (b))
#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* Records and rows are numbered through the partitions. A worker has a reader
 * for each partition, or with APART two for the one: 0 is the main one. */
#define RECORDS (P * N)
#define ROWS    (2 * P)
#define PART(r) ((r) / N)
#define OFF(r)  ((r) % N)
#define KEY(r)  ((OFF(r) + PART(r)) % 2)
#define LANE(r) (KEY(r) == 0 -> 0 : laneof1)
#define R(l, p) ((l) * P + (p))
#define ROW(r)  R(LANE(r), PART(r))

#if P == 1
#define EACH(x) x(0)
#define ANY(x)  (x(0))
#define EVERY(x) (x(0))
#define ASG(p)  true
#else
#define EACH(x) x(0); x(1)
#define ANY(x)  (x(0) || x(1))
#define EVERY(x) (x(0) && x(1))
#define ASG(p)  asg[p]
#endif
#if P == 1 && !defined(APART)
#define READERS 1
#define EACH_READER(x) x(0)
#define ANY_READER(x)  (x(0))
#define ALL_READERS(x) (x(0))
#else
#define READERS 2
#define EACH_READER(x) x(0); x(1)
#define ANY_READER(x)  (x(0) || x(1))
#define ALL_READERS(x) (x(0) && x(1))
#endif
#if P == 1
#define PARTOF(i) 0            /* of reader i */
#else
#define PARTOF(i) (i)
#endif
#ifdef APART
#define READER(w) (ap == (w) + 1)
#else
#define READER(w) ((w) % P)
#endif

/* Postgres */
bit laneof1;                   /* the lane that key 1 belongs to */
bit colour[2];                 /* who works a lane: 0 blue, 1 green */
byte nxt[ROWS];                /* positions.next_offset */
byte emt[ROWS];                /* positions.emitted_offset */
byte holder[ROWS] = NOBODY;    /* positions.holder */
bit valid[ROWS];               /* the row's epoch is the one that its holder has */
byte acted[RECORDS];
byte hs, he;                   /* keys of records [hs, he): locked by a session that stands still in COPY */
#ifdef MOVE_ONE_PARTITION
bit rowcol[ROWS];              /* positions.colour, where it is not the lane's */
#define ROWCOL(w) rowcol[w]
#else
#define ROWCOL(w) colour[(w) / P]
#endif

/* What a batch's last message says. */
typedef Commit {
	bit on, lk, col;
	bit own[ROWS];             /* the rows that it moves */
#ifdef MAIN_MOVES_APART
	bit passed[ROWS];          /* of these it has read no records */
#endif
	byte ln[ROWS];             /* where they are believed to stand */
	byte e[ROWS];              /* to where they move */
	byte pp[ROWS]              /* facts below are acknowledged */
};
Commit m;                      /* of the batch in hand; empty between batches */
Commit g;                      /* the ghost */

/* Kafka */
bit pub[RECORDS];              /* the fact is on the topic at least once */
byte owner[P];                 /* the member of blue that the coordinator means */
/* the world */
byte crashes, moves, rebals;
bit greendead, dead[2];

#ifdef FREE
#define MEMBER(p) true
#else
#define MEMBER(p) (col == 1 || owner[p] == id)
#endif

inline check_db() {
	d_step {
		q = 0;
		do
		:: q < RECORDS ->
			assert(acted[q] <= 1);                                   /* twice */
			assert(!(OFF(q) < nxt[ROW(q)]) || acted[q] >= 1);        /* skipped */
			assert(!(OFF(q) < emt[ROW(q)]) || pub[q]);               /* lost */
			q++
		:: else -> break
		od;
		q = 0
	}
}

inline publish(r) {
	assert(acted[r] >= 1);                                           /* early */
	q = 0;
	do
	:: q < RECORDS ->
		assert(!(q < r && PART(q) == PART(r) && KEY(q) == KEY(r)) || pub[r] || pub[q]); /* order */
#ifdef LATE_DUPLICATE
		assert(!(q > r && PART(q) == PART(r) && KEY(q) == KEY(r)) || !pub[q]);
#endif
		q++
	:: else -> break
	od;
	q = 0;
	pub[r] = 1
}

#ifdef MAIN_MOVES_APART
#define CLEAR_PASSED(x) x.passed[w] = 0
#define PASSED(x, w)    x.passed[w]
#else
#define CLEAR_PASSED(x) skip
#define PASSED(x, w)    false
#endif

inline clear(x) {
	d_step {
		x.on = 0; x.lk = 0; x.col = 0;
		w = 0;
		do
		:: w < ROWS -> x.own[w] = 0; CLEAR_PASSED(x); x.ln[w] = 0; x.e[w] = 0; x.pp[w] = 0; w++
		:: else -> break
		od;
		w = 0
	}
}

/* a row's epoch rises: what a ghost wanted of that row will fail */
inline raise(v) {
	valid[v] = 0;
#ifndef NO_EPOCH
	if :: g.on && g.own[v] -> clear(g) :: else fi
#endif
}

#define CUR(w) (holder[w] == id && valid[w])

#define LIES_IN(w, i) (own[w] && ln[w] >= c[i] && ln[w] < e[i])
#define MOVES_ROW(x, i) x.own[w] = 1; x.ln[w] = ln[w]; x.e[w] = e[i]; x.pp[w] = pp[i]

/* The message of a batch over [c, e) of each reader. It moves those of a
 * reader's rows whose next lies in there, whether or not it holds a record of
 * theirs. */
inline fill(x) {
	x.on = 1; x.lk = lk; x.col = col;
	w = 0;
	do
	:: w < ROWS ->
		if
#ifdef MAIN_MOVES_APART        /* a reader moves every lane of the partition whose next lies in its batch */
		:: LIES_IN(w, 0) -> MOVES_ROW(x, 0); x.passed[w] = (READER(w) == 1)
		:: !LIES_IN(w, 0) && READER(w) == 1 && LIES_IN(w, 1) -> MOVES_ROW(x, 1)
#else
		:: LIES_IN(w, READER(w)) -> MOVES_ROW(x, READER(w))
#endif
		:: else
		fi;
		w++
	:: else -> break
	od;
	w = 0
}

/* What the compare-and-set refuses. */
#ifdef NO_EPOCH
#define STALE(w) (nxt[w] != ln[w])
#elif defined(NO_NEXT)
#define STALE(w) (!CUR(w))
#else
#define STALE(w) (!CUR(w) || nxt[w] != ln[w])
#endif
#ifdef APART_UNFENCED
#define REFUSES(w) (READER(w) == 0 && STALE(w))
#else
#define REFUSES(w) STALE(w)
#endif

/* lost: some row of the message is not what its holder believes. */
inline compare(x) {
	lost = 0;
	w = 0;
	do
	:: w < ROWS -> if :: x.own[w] && REFUSES(w) -> lost = 1 :: else fi; w++
	:: else -> break
	od;
	w = 0
}

/* What the message does when its compare-and-set has matched. */
inline apply(x, MATCHES) {
	r = 0;
	do
	:: r < RECORDS ->
		w = R((KEY(r) == 1 && x.lk), PART(r));
		if
		:: x.own[w] && OFF(r) >= x.ln[w] && OFF(r) < x.e[w] && !PASSED(x, w) ->
			assert(colour[LANE(r)] == x.col);                        /* epoch */
			acted[r]++
		:: else
		fi;
		r++
	:: else -> break
	od;
	r = 0; w = 0;
	do
	:: w < ROWS ->
		if
		:: x.own[w] && MATCHES -> nxt[w] = x.e[w]; emt[w] = MAX(emt[w], x.pp[w])
		:: else
		fi;
		w++
	:: else -> break
	od;
	w = 0;
	check_db()
}

/* ---- a worker ---- */

#define MYROW(r) R((KEY(r) == 0 -> 0 : lk), PART(r))

#ifdef KEEP_ACKED              /* what was acknowledged before the take-over still counts */
#define FORGET_READER(i) c[i] = N
#else
#define FORGET_READER(i) c[i] = N; pp[i] = N
#endif
inline forget() {
	d_step {
		w = 0;
		do
		:: w < ROWS -> own[w] = 0; ln[w] = 0; w++
		:: else -> break
		od;
		w = 0; lk = 0;
#ifdef APART
		ap = 0;
#endif
		EACH_READER(FORGET_READER)
	}
}

#define UNLIKE(p) (ASG(p) != MEMBER(p))
#ifdef NO_PROOF
#define AGAIN forget(); goto take
#elif P == 1
#define AGAIN forget(); if :: MEMBER(0) -> goto take :: else -> goto begin fi
#else
#define AGAIN forget(); if :: !ANY(UNLIKE) -> goto take :: else -> goto begin fi
#endif

#ifdef START_AT_NEXT
#define FROM(w) nxt[w]
#else
#define FROM(w) emt[w]
#endif
#ifdef KEEP_ACKED
#define BEGIN_PP(p) pp[p] = (pp[p] < N && pp[p] > c[p] -> pp[p] : c[p])
#else
#define BEGIN_PP(p) pp[p] = c[p]
#endif
#define BEGIN_READING(p) \
	c[p] = (own[R(0, p)] && own[R(1, p)] -> MIN(FROM(R(0, p)), FROM(R(1, p))) : \
		(own[R(0, p)] -> FROM(R(0, p)) : (own[R(1, p)] -> FROM(R(1, p)) : N))); \
	BEGIN_PP(p)

/* Lanes that are not level may have two readers, as far behind as one may be. */
inline begin_apart() {
	if
	:: true
	:: own[0] && own[1] && emt[0] != emt[1] ->
		ap = (emt[0] < emt[1] -> 1 : 2);
		c[1] = c[0]; pp[1] = c[0];
		c[0] = MAX(emt[0], emt[1]); pp[0] = c[0]
	fi
}

/* Is the row one that the lanes name? */
#define NAMED(w, lane1) (ASG((w) % P) && ((w) < P || lane1))

inline take_rows() {
	w = 0;
	do
	:: w < ROWS ->
#ifdef LANES_FIRST
		if :: NAMED(w, s1) && ROWCOL(w) == col ->
#else
		if :: NAMED(w, s1 && laneof1) && ROWCOL(w) == col ->
#endif
			own[w] = 1; holder[w] = id; valid[w] = 1; ln[w] = nxt[w]
		:: else
		fi;
		w++
	:: else -> break
	od;
	w = 0
}

/* Their epochs rise; apart from the above, since clear() uses w, too. */
#define RAISE(w) if :: own[w] && g.on && g.own[w] -> clear(g) :: else fi
#ifdef NO_EPOCH
#define RAISE_ROW(p) skip
#else
#define RAISE_ROW(p) RAISE(R(0, p)); RAISE(R(1, p))
#endif

#define IDLE(i) (c[i] == N && pp[i] == N)
#define NOT_OURS(w) ((NAMED(w, laneof1) && ROWCOL(w) == col && !CUR(w)) || (own[w] && (!NAMED(w, laneof1) || !CUR(w))))
#define NOT_OURS_IN(p) (NOT_OURS(R(0, p)) || NOT_OURS(R(1, p)))
#define UNEMITTED_ROW(w) (own[w] && c[READER(w)] == N && emt[w] < pp[READER(w)])
#define UNEMITTED(p) (UNEMITTED_ROW(R(0, p)) || UNEMITTED_ROW(R(1, p)))
#ifdef EMIT_ALONE_UNCHECKED
#define OLD(w) false
#elif defined(NO_EPOCH)
#define OLD(w) false
#else
#define OLD(w) (own[w] && !CUR(w))
#endif
#define OLD_IN(p) (OLD(R(0, p)) || OLD(R(1, p)))
#ifdef EMIT_MAIN_FOR_APART     /* one count of acknowledged facts for both readers */
#define ACKED(w) pp[0]
#else
#define ACKED(w) pp[READER(w)]
#endif

/* The next records of a reader: are there any, and are their keys free? */
#define FREE_KEYS(i) (!(he > PARTOF(i) * N + c[i] && hs < PARTOF(i) * N + c[i] + BATCH))
#define CAN(i) (c[i] < N && FREE_KEYS(i))
#define BLOCKED(i) (c[i] < N && !FREE_KEYS(i))
#define LENGTH(i) \
	if \
	:: e[i] = c[i] + 1 \
	:: BATCH == 2 && c[i] + 2 <= N -> e[i] = c[i] + 2 \
	fi

inline choose() {
#if READERS == 1
	LENGTH(0)
#else
	if
	:: CAN(0) -> LENGTH(0); if :: e[1] = c[1] :: CAN(1) -> LENGTH(1) fi
	:: CAN(1) -> e[0] = c[0]; LENGTH(1)
	fi
#endif
}

#define NO_END_OF(i) e[i] = 0
#define SAY_BATCH(i) if :: c[i] < e[i] -> printf("worker %d: commits [%d, %d) of partition %d, reader %d\n", id, c[i], e[i], PARTOF(i), i) :: else fi
#define END_READING(i) c[i] = e[i]; e[i] = 0

/* One batch. One step, for what lies before the compare-and-set is seen by
 * nobody and is undone if it fails, and from there to the commit the rows are
 * locked. */
inline batch() {
	choose();
	d_step {
#ifdef EMIT_WITHOUT_ACK
		pp[0] = c[0];
#endif
		fill(m);
		compare(m)
	}
#ifdef PARTIAL_MOVE            /* the rows that are still ours move, and nobody counts them */
	lost = 0;
#endif
	if
	:: lost -> lost = 0; clear(m); EACH_READER(NO_END_OF);
		printf("worker %d: a row is not its own any more, its batch fails\n", id); AGAIN
	:: else
	fi;
	d_step {
#ifdef PARTIAL_MOVE
		apply(m, !STALE(w));
#else
		apply(m, true);
#endif
		w = 0;
		do
		:: w < ROWS -> if :: m.own[w] -> ln[w] = m.e[w] :: else fi; w++
		:: else -> break
		od;
		w = 0;
		EACH_READER(SAY_BATCH);
		EACH_READER(END_READING)
	}
	clear(m)
}

/* It stands still in its COPY for ever. */
#define HANG(i) \
	:: CAN(i) && he == 0 && (col == 1 || !dead[1 - id]) -> \
		hs = PARTOF(i) * N + c[i]; he = PARTOF(i) * N + MIN(N, c[i] + BATCH); \
		if :: col == 1 -> greendead = 1 :: else -> dead[id] = 1 fi; \
		printf("worker %d: hangs with locks\n", id); \
		forget(); goto stopped
#define HAS_MORE(i) (c[i] < N)
#define LONGEST(i) e[i] = MIN(N, c[i] + BATCH)

/* The facts of one record are acknowledged. */
#define PUBLISH(i) \
	:: atomic { pp[i] < c[i] -> \
		d_step { \
			r = PARTOF(i) * N + pp[i]; \
			if :: own[MYROW(r)] && READER(MYROW(r)) == i -> printf("worker %d: publishes %d of partition %d\n", id, OFF(r), PART(r)); publish(r) :: else fi; \
			r = 0; \
			pp[i]++ \
		} }

#ifdef FREE
#define SAME_EMITTED true
#else
#define SAME_EMITTED (emt[0] == emt[1])
#endif

proctype Worker(byte id; bit col) {
	bit lk, s1, lost;                  /* key 1's lane as it read it */
	bit own[ROWS];                     /* the rows that it took over */
	byte ln[ROWS];                     /* their next, as it knows it */
	byte c[READERS] = N;               /* committed or recognised below c */
	byte pp[READERS] = N;              /* published and acknowledged below pp */
	byte e[READERS], q, r, w;
#if P == 2
	bit asg[P];                        /* the partitions that the group gave it */
#endif
#ifdef APART
	byte ap;                           /* 1 + the lane that the second reader reads */
#endif

begin:
end_begin:
	atomic {                           /* assigned */
		ANY(MEMBER);
#if P == 2
		asg[0] = MEMBER(0); asg[1] = MEMBER(1)
#endif
	}
take:
#if !defined(FREE) || defined(LANES_FIRST)
	s1 = laneof1;                      /* the UPDATE's snapshot: it will not see a row that is inserted after this */
#endif
	atomic {                           /* taking over: one UPDATE */
#if defined(FREE) && P == 2
		if :: asg[0] = 1; asg[1] = 0 :: asg[0] = 0; asg[1] = 1 :: asg[0] = 1; asg[1] = 1 fi;
#endif
#if defined(FREE) && !defined(LANES_FIRST)
		if :: s1 = laneof1 :: s1 = 0 fi;   /* the same, with fewer states: the row may be missed at any time */
#endif
		d_step { take_rows(); printf("worker %d: takes over\n", id) }
		EACH(RAISE_ROW);
		EACH(BEGIN_READING);
#ifdef APART
		begin_apart()
#endif
	}
	atomic {                           /* then, in a statement of its own, the lanes */
#ifdef LANES_FIRST
		lk = s1; s1 = 0
#else
		lk = laneof1; s1 = 0;
		d_step {
			w = 0;
			do
			:: w < ROWS -> if :: own[w] != (NAMED(w, laneof1) && colour[w / P] == col) -> lost = 1 :: else fi; w++
			:: else -> break
			od;
			w = 0
		}
		if :: lost -> lost = 0; forget(); goto take :: else fi
#endif
	}
end_work:
	do
#ifndef FREE
	:: atomic { ANY(UNLIKE) -> printf("worker %d: hears of the revocation\n", id); forget(); goto begin }
#endif
	:: atomic { crashes < CRASHES -> crashes++;
		if
		:: printf("worker %d: is killed, and comes back\n", id); forget(); goto begin
		:: col == 1 -> printf("worker %d: dies for good\n", id); greendead = 1; forget(); goto stopped
		HANG(0)
#if READERS == 2
		HANG(1)
#endif
		:: ANY_READER(HAS_MORE) && !g.on ->                       /* outcome unknown: the message is under way */
			d_step { EACH_READER(LONGEST); fill(g); compare(g) }
			if :: lost -> lost = 0; clear(g) :: else fi;
			printf("worker %d: sends a COMMIT and hears no more\n", id);
			EACH_READER(NO_END_OF); AGAIN
		fi }

	PUBLISH(0)
#if READERS == 2
	PUBLISH(1)
#endif
#ifdef NEW_BEFORE_OLD
	:: atomic { pp[0] < c[0] && own[MYROW(c[0] - 1)] -> r = c[0] - 1; publish(r); r = 0 }
#endif
#ifdef JOIN_IN_PLACE           /* when both stand at the same offset, the main reader goes on with both */
	:: atomic { ap != 0 && c[0] == c[1] -> ap = 0; c[1] = N; pp[1] = N }
#elif defined(APART)
	/* Both readers are level: the partition is taken over anew, so that no
	 * lane changes its reader while anything of it is in hand. With FREE at
	 * any time. */
	:: atomic { ap != 0 && SAME_EMITTED -> printf("worker %d: its readers are level\n", id); forget(); goto take }
#endif

	:: atomic { ANY_READER(CAN) -> batch() };
#ifdef NP
progress_commit: skip
#endif
#ifndef NO_END
	:: atomic { ANY_READER(BLOCKED) -> hs = 0; he = 0 }               /* 200 ms: whoever blocks and waits for its client is ended */
#endif

	/* no batch to go with: emitted alone; and the look at the epochs */
	:: atomic { ANY(UNEMITTED) ->
		if :: ANY(OLD_IN) -> AGAIN :: else fi;
		d_step {
			printf("worker %d: writes emitted alone\n", id);
			w = 0;
			do
			:: w < ROWS -> if :: own[w] -> emt[w] = MAX(emt[w], ACKED(w)) :: else fi; w++
			:: else -> break
			od;
			w = 0
		}
		check_db() }
	:: atomic { ALL_READERS(IDLE) && ANY(NOT_OURS_IN) -> AGAIN }
	od;
stopped:
	skip
}

proctype Server() {            /* the unknown COMMIT arrives after all */
	byte q, r, w;
	bit lost;
end_server:
	do
	:: atomic { g.on ->
#ifndef NO_NEXT
		w = 0;
		do
		:: w < ROWS -> if :: g.own[w] && nxt[w] != g.ln[w] -> lost = 1 :: else fi; w++
		:: else -> break
		od;
		w = 0;
#endif
		if :: lost -> lost = 0 :: else -> d_step { printf("server: executes the COMMIT of long ago\n"); apply(g, true) } fi;
		clear(g) }
	od
}

#ifndef FREE
#define MAY_REBALANCE(p) :: atomic { rebals < REBALS && !dead[1 - owner[p]] -> rebals++; owner[p] = 1 - owner[p]; printf("group: partition %d is worker %d's\n", p, owner[p]) }
#define MUST_REBALANCE(p) :: atomic { dead[owner[p]] -> owner[p] = 1 - owner[p] }
proctype Coordinator() {
end_coordinator:
	do
	MAY_REBALANCE(0)
	MUST_REBALANCE(0)
#if P == 2
	MAY_REBALANCE(1)
	MUST_REBALANCE(1)
#endif
	od
}
#endif

/* ---- changes of lanes; each is one transaction over all partitions ---- */

#define LEVEL_IN(p) (nxt[R(0, p)] == nxt[R(1, p)])
#ifdef MERGE_UNEQUAL
#define LEVEL (true)
#elif defined(MERGE_LEVEL_IN_ONE)
#define LEVEL LEVEL_IN(0)
#elif defined(MERGE_BOTH_EQUAL) /* not a mutation: the stricter rule, both offsets equal */
#define LEVEL_BOTH(p) (LEVEL_IN(p) && emt[R(0, p)] == emt[R(1, p)])
#define LEVEL EVERY(LEVEL_BOTH)
#else
#define LEVEL EVERY(LEVEL_IN)
#endif

#define RAISE_LANE(l) raise(R(l, 0)); RAISE_SECOND(l)
#if P == 1
#define RAISE_SECOND(l) skip
#else
#define RAISE_SECOND(l) raise(R(l, 1))
#endif

#ifdef SPLIT_FROM_EARLIER_READ
#define SPLIT_NEXT(p) en
#define SPLIT_EMITTED(p) ee
#elif defined(SPLIT_WITHOUT_EMITTED)
#define SPLIT_NEXT(p) nxt[R(0, p)]
#define SPLIT_EMITTED(p) nxt[R(0, p)]
#else
#define SPLIT_NEXT(p) nxt[R(0, p)]
#define SPLIT_EMITTED(p) emt[R(0, p)]
#endif
#define SPLIT(p) \
	nxt[R(1, p)] = SPLIT_NEXT(p); emt[R(1, p)] = SPLIT_EMITTED(p); \
	holder[R(1, p)] = NOBODY; valid[R(1, p)] = 0

#ifdef MERGE_UNEQUAL
#define MERGED_NEXT(p) nxt[R(0, p)] = MAX(nxt[R(0, p)], nxt[R(1, p)])
#elif defined(MERGE_LEVEL_IN_ONE)
#define MERGED_NEXT(p) nxt[R(0, p)] = MAX(nxt[R(0, p)], nxt[R(1, p)])
#else
#define MERGED_NEXT(p) skip
#endif
#ifdef MERGE_KEEPS_STABLE
#define MERGED_EMITTED(p) skip
#else
#define MERGED_EMITTED(p) emt[R(0, p)] = MIN(emt[R(0, p)], emt[R(1, p)])
#endif
#define MERGE(p) \
	MERGED_NEXT(p); MERGED_EMITTED(p); \
	nxt[R(1, p)] = 0; emt[R(1, p)] = 0; holder[R(1, p)] = NOBODY

#ifdef MOVE_ONE_PARTITION
#define MOVE(l) raise(R(l, 0)); colour[l] = 1 - colour[l]; rowcol[R(l, 0)] = colour[l]
#define FOLLOW EACH(FOLLOW_ROW)
#define FOLLOW_ROW(p) rowcol[R(1, p)] = colour[1]
#else
#define MOVE(l) RAISE_LANE(l); colour[l] = 1 - colour[l]
#define FOLLOW skip
#endif

proctype Mover() {
	byte q, w;
#ifdef SPLIT_FROM_EARLIER_READ
	byte en, ee; bit rd;
#endif
end_mover:
	do
#ifdef SPLIT_FROM_EARLIER_READ
	:: atomic { laneof1 == 0 && !rd && moves < MOVES -> en = nxt[0]; ee = emt[0]; rd = 1 }
#endif
	:: atomic { moves < MOVES ->
		if
#ifdef SPLIT_FROM_EARLIER_READ
		:: laneof1 == 0 && rd ->
#else
		:: laneof1 == 0 ->                                              /* split: key 1 leaves stable, perhaps to the other colour */
#endif
			RAISE_LANE(0); laneof1 = 1; colour[1] = colour[0];
			EACH(SPLIT);
#ifdef SPLIT_FROM_EARLIER_READ
			rd = 0; en = 0; ee = 0;
#endif
			if :: skip :: colour[1] = 1 - colour[1] fi;
			FOLLOW; printf("mover: splits lane 1 off, colour %d\n", colour[1])
		:: MOVE(0); printf("mover: stable to colour %d\n", colour[0])   /* promote, rollback */
		:: laneof1 == 1 -> MOVE(1); printf("mover: lane 1 to colour %d\n", colour[1])
		:: laneof1 == 1 && colour[0] == colour[1] && LEVEL ->           /* merge */
			RAISE_LANE(0); RAISE_LANE(1); laneof1 = 0;
			EACH(MERGE);
			colour[1] = 0; FOLLOW; printf("mover: merges lane 1\n")
		fi;
		moves++;
		check_db() }
	:: moves >= MOVES -> break
	od
}

#ifdef REST
#define AT_REST(p) assert(greendead || (emt[R(0, p)] == N && (!laneof1 || emt[R(1, p)] == N)))
proctype Rest() {              /* when nothing can move any more, everything is decided and published */
	byte q;
	timeout;
	do
	:: q < RECORDS -> assert((greendead && colour[LANE(q)] == 1) || (acted[q] == 1 && pub[q])); q++
	:: else -> break
	od;
	EACH(AT_REST)
}
#endif

init {
	atomic {
		run Worker(0, 0); run Worker(2, 1); run Mover(); run Server();
#ifndef ONE_BLUE
		run Worker(1, 0);
#endif
#ifndef FREE
		run Coordinator();
#endif
#ifdef REST
		run Rest()
#endif
	}
}
