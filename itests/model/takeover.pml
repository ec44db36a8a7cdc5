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
 * With APART a worker that takes over two unequal lanes of a partition may read
 * the one behind by a second reader, which has no group. The second reader has
 * a position of its own, and works under the same row and the same epoch; the
 * transactions of a worker come one after the other. When both readers stand at
 * the same offset, the lane joins the main reader again.
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
#if defined(MAIN_MOVES_APART) || defined(JOIN_WITH_OPEN_BATCH)
#define PASSES_OVER
#endif

#define MIN(a, b) ((a) < (b) -> (a) : (b))
#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* Records are numbered through the partitions; rows, and a worker's readers of
 * a partition (0: the main one, 1: the second one), too. */
#define RECORDS (P * N)
#define ROWS    (2 * P)
#define PART(r) ((r) / N)
#define OFF(r)  ((r) % N)
#define KEY(r)  ((OFF(r) + PART(r)) % 2)
#define LANE(r) (KEY(r) == 0 -> 0 : laneof1)
#define R(l, p) ((l) * P + (p))
#define ROW(r)  R(LANE(r), PART(r))
#ifdef APART
#define READERS (2 * P)
#else
#define READERS P
#endif
#define C(k, p) ((k) * P + (p))

#if P == 1
#define EACH(x) x(0)
#define ANY(x)  (x(0))
#define ALL(x)  (x(0))
#define ASG(p)  true
#else
#define EACH(x) x(0); x(1)
#define ANY(x)  (x(0) || x(1))
#define ALL(x)  (x(0) && x(1))
#define ASG(p)  asg[p]
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
#ifdef PASSES_OVER
	bit passed[ROWS];          /* of these it has read no records */
#endif
	byte ln[ROWS];             /* where they are believed to stand */
	byte c[P], e[P], pp[P]     /* the batch is [c, e); facts below pp are acknowledged */
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

#ifdef PASSES_OVER
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
		:: w < ROWS -> x.own[w] = 0; CLEAR_PASSED(x); x.ln[w] = 0; w++
		:: else -> break
		od;
		w = 0;
		do
		:: w < P -> x.c[w] = 0; x.e[w] = 0; x.pp[w] = 0; w++
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
/* Of a partition's lanes, those that a worker's reader k reads. */
#ifdef APART
#define READS(k, l, p) ((ap[p] == (l) + 1) == (k))
#else
#define READS(k, l, p) true
#endif
#define READER(w) (READS(0, (w) / P, (w) % P) -> (w) % P : C(1, (w) % P) % READERS)

#ifdef MAIN_MOVES_APART        /* the main batch moves every lane whose next lies in it */
#define TAKES(k, w)  (k == 0 || READS(k, (w) / P, (w) % P))
#define PASSES(k, w) (k == 0 && !READS(k, (w) / P, (w) % P))
#elif defined(JOIN_WITH_OPEN_BATCH)
#define TAKES(k, w)  READS(k, (w) / P, (w) % P)
#define PASSES(k, w) (k == 0 && op == (w) / P + 1)
#else
#define TAKES(k, w)  READS(k, (w) / P, (w) % P)
#endif

/* The message over [c, e) of reader k. It moves those of its rows whose next
 * lies in there, whether or not it holds a record of theirs. */
inline fill(x, k) {
	w = 0;
	do
	:: w < P -> x.c[w] = c[C(k, w)]; x.e[w] = e[w]; x.pp[w] = pp[C(k, w)]; w++
	:: else -> break
	od;
	x.on = 1; x.lk = lk; x.col = col;
	w = 0;
	do
	:: w < ROWS ->
		if
		:: own[w] && TAKES(k, w) && ln[w] >= x.c[w % P] && ln[w] < x.e[w % P] ->
			x.own[w] = 1; x.ln[w] = ln[w];
#ifdef PASSES_OVER
			x.passed[w] = PASSES(k, w)
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
#define REFUSES(k, w) (k == 0 && STALE(w))
#else
#define REFUSES(k, w) STALE(w)
#endif

/* lost: some row of the message is not what its holder believes. */
inline compare(k) {
	lost = 0;
	w = 0;
	do
	:: w < ROWS -> if :: m.own[w] && REFUSES(k, w) -> lost = 1 :: else fi; w++
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
		:: OFF(r) >= x.c[PART(r)] && OFF(r) < x.e[PART(r)] && x.own[w] && OFF(r) >= x.ln[w] && !PASSED(x, w) ->
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
		:: x.own[w] && MATCHES -> nxt[w] = x.e[w % P]; emt[w] = MAX(emt[w], x.pp[w % P])
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

#ifdef APART
#define FORGET_APART(p) ap[p] = 0; c[C(1, p)] = N; pp[C(1, p)] = N
#else
#define FORGET_APART(p) skip
#endif
#ifdef KEEP_ACKED              /* what was acknowledged before the take-over still counts */
#define FORGET_PP(p) skip
#else
#define FORGET_PP(p) pp[p] = N
#endif
#define FORGET_READING(p) c[p] = N; FORGET_PP(p); FORGET_APART(p)
inline forget() {
	d_step {
		w = 0;
		do
		:: w < ROWS -> own[w] = 0; ln[w] = 0; w++
		:: else -> break
		od;
		w = 0; lk = 0;
#ifdef JOIN_WITH_OPEN_BATCH
		op = 0;
#endif
		EACH(FORGET_READING)
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
#ifdef APART
#define BEGIN_APART(p) \
	if \
	:: true \
	:: own[R(0, p)] && own[R(1, p)] && FROM(R(0, p)) != FROM(R(1, p)) -> \
		ap[p] = (FROM(R(0, p)) < FROM(R(1, p)) -> 1 : 2); \
		c[C(1, p)] = c[p]; pp[C(1, p)] = c[p]; \
		c[p] = MAX(FROM(R(0, p)), FROM(R(1, p))) \
	fi
#else
#define BEGIN_APART(p) skip
#endif
#ifdef KEEP_ACKED
#define BEGIN_PP(p) pp[p] = (pp[p] < N && pp[p] > c[p] -> pp[p] : c[p])
#else
#define BEGIN_PP(p) pp[p] = c[p]
#endif
#define BEGIN_READING(p) \
	c[p] = (own[R(0, p)] && own[R(1, p)] -> MIN(FROM(R(0, p)), FROM(R(1, p))) : \
		(own[R(0, p)] -> FROM(R(0, p)) : (own[R(1, p)] -> FROM(R(1, p)) : N))); \
	BEGIN_APART(p); \
	BEGIN_PP(p)

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

#define IDLE_READER(k, p) (c[C(k, p)] == N && pp[C(k, p)] == N)
#ifdef APART
#define IDLE(p) (IDLE_READER(0, p) && IDLE_READER(1, p))
#else
#define IDLE(p) IDLE_READER(0, p)
#endif
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
#define ACKED(w) pp[(w) % P]
#else
#define ACKED(w) pp[READER(w)]
#endif

/* A reader's batch can hold a record of that partition; its keys are free. */
#define FREE_KEYS(k, p) (!(he > (p) * N + c[C(k, p)] && hs < (p) * N + c[C(k, p)] + BATCH))
#define CAN(k, p) (c[C(k, p)] < N && FREE_KEYS(k, p))
#define BLOCKED(k, p) (c[C(k, p)] < N && !FREE_KEYS(k, p))
#define LENGTH(k, p) \
	if \
	:: e[p] = c[C(k, p)] + 1 \
	:: BATCH == 2 && c[C(k, p)] + 2 <= N -> e[p] = c[C(k, p)] + 2 \
	fi

inline choose(k) {
#if P == 1
	LENGTH(k, 0)
#else
	if
	:: CAN(k, 0) -> LENGTH(k, 0); if :: e[1] = c[C(k, 1)] :: CAN(k, 1) -> LENGTH(k, 1) fi
	:: CAN(k, 1) -> e[0] = c[C(k, 0)]; LENGTH(k, 1)
	fi
#endif
}

#define NO_END_OF(p) e[p] = 0
#define END_READING(k, p) c[C(k, p)] = e[p]; e[p] = 0

/* One batch. One step, for what lies before the compare-and-set is seen by
 * nobody and is undone if it fails, and from there to the commit the rows are
 * locked. */
inline batch(k) {
	choose(k);
	d_step {
#ifdef EMIT_WITHOUT_ACK
		pp[C(k, 0)] = c[C(k, 0)];
#endif
		fill(m, k);
		compare(k)
	}
#ifdef PARTIAL_MOVE            /* the rows that are still ours move, and nobody counts them */
	lost = 0;
#endif
	if
	:: lost -> lost = 0; clear(m); EACH(NO_END_OF); AGAIN
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
		:: w < ROWS -> if :: m.own[w] -> ln[w] = m.e[w % P] :: else fi; w++
		:: else -> break
		od;
		w = 0;
		END_READING(k, 0);
#if P == 2
		END_READING(k, 1);
#endif
#ifdef JOIN_WITH_OPEN_BATCH
		if :: k == 0 -> op = 0 :: else fi;
#endif
	}
	clear(m)
}

/* The faults of a worker that has reader k's batch in hand. */
#define HANG(k, p) \
	:: CAN(k, p) && he == 0 && (col == 1 || !dead[1 - id]) ->             /* stands still in its COPY for ever */ \
		hs = (p) * N + c[C(k, p)]; he = (p) * N + MIN(N, c[C(k, p)] + BATCH); \
		if :: col == 1 -> greendead = 1 :: else -> dead[id] = 1 fi; \
		forget(); goto stopped
#define GHOST(k) \
	:: c[C(k, 0)] < N && !g.on ->                                         /* outcome unknown: the message is under way */ \
		e[0] = MIN(N, c[C(k, 0)] + BATCH); \
		GHOST_1(k); \
		d_step { fill(m, k); compare(k); clear(m) } \
		if \
		:: lost -> lost = 0 \
		:: else -> d_step { fill(g, k) } \
		fi; \
		EACH(NO_END_OF); AGAIN
#if P == 1
#define GHOST_1(k) skip
#else
#define GHOST_1(k) e[1] = MIN(N, c[C(k, 1)] + BATCH)
#endif

/* The facts of one record are acknowledged. */
#define PUBLISH(k, p) \
	:: atomic { pp[C(k, p)] < c[C(k, p)] -> \
		d_step { \
			r = (p) * N + pp[C(k, p)]; \
			if :: own[MYROW(r)] && READS(k, MYROW(r) / P, p) -> publish(r) :: else fi; \
			r = 0; \
			pp[C(k, p)]++ \
		} }

/* Both stand at the same offset. What either has not had acknowledged the main
 * reader publishes again. */
#ifdef JOIN_BEHIND
#define LEVEL_READERS(p) true
#else
#define LEVEL_READERS(p) (c[p] == c[C(1, p)])
#endif
#ifdef JOIN_FORGETS_UNPUBLISHED
#define JOINED_PP(p) pp[p]
#else
#define JOINED_PP(p) MIN(pp[p], pp[C(1, p)])
#endif
#define JOIN(p) \
	:: atomic { ap[p] != 0 && LEVEL_READERS(p) -> \
		pp[p] = JOINED_PP(p); FORGET_APART(p) }

proctype Worker(byte id; bit col) {
	bit lk, s1, lost;                  /* key 1's lane as it read it */
	bit own[ROWS];                     /* the rows that it took over */
	byte ln[ROWS];                     /* their next, as it knows it */
	byte c[READERS] = N;               /* committed or recognised below c */
	byte pp[READERS] = N;              /* published and acknowledged below pp */
	byte e[P], q, r, w;
#if P == 2
	bit asg[P];                        /* the partitions that the group gave it */
#endif
#ifdef APART
	byte ap[P];                        /* 1 + the lane that the second reader reads */
#endif
#ifdef JOIN_WITH_OPEN_BATCH
	byte op;                           /* 1 + the lane whose records the open batch has passed over */
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
		d_step { take_rows() }
		EACH(RAISE_ROW);
		EACH(BEGIN_READING)
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
	:: atomic { ANY(UNLIKE) -> forget(); goto begin }                 /* the revocation arrives */
#endif
	:: atomic { crashes < CRASHES -> crashes++;
		if
		:: forget(); goto begin                                   /* kill -9 */
		:: col == 1 -> greendead = 1; forget(); goto stopped
		HANG(0, 0)
		GHOST(0)
#if P == 2
		HANG(0, 1)
#endif
#ifdef APART
		HANG(1, 0)
		GHOST(1)
#endif
		fi }

	PUBLISH(0, 0)
#if P == 2
	PUBLISH(0, 1)
#endif
#ifdef APART
	PUBLISH(1, 0)
#if P == 2
	PUBLISH(1, 1)
#endif
#endif
#ifdef NEW_BEFORE_OLD
	:: atomic { pp[0] < c[0] && own[MYROW(c[0] - 1)] -> r = c[0] - 1; publish(r); r = 0 }
#endif
#ifdef APART
	JOIN(0)
#if P == 2
	JOIN(1)
#endif
#endif
#ifdef JOIN_WITH_OPEN_BATCH
	:: atomic { ap[0] != 0 && op == 0 && c[0] < N -> op = ap[0] }      /* records are read; the other reader's are passed over */
#endif

#if P == 1
	:: atomic { CAN(0, 0) -> batch(0) };
#else
	:: atomic { CAN(0, 0) || CAN(0, 1) -> batch(0) };
#endif
#ifdef NP
progress_commit: skip
#endif
#ifdef APART
#if P == 1
	:: atomic { CAN(1, 0) -> batch(1) };
#else
	:: atomic { CAN(1, 0) || CAN(1, 1) -> batch(1) };
#endif
#ifdef NP
progress_apart: skip
#endif
#endif
#ifndef NO_END
	/* 200 ms: whoever blocks and waits for its client is ended */
#if P == 1
	:: atomic { BLOCKED(0, 0) -> hs = 0; he = 0 }
#else
	:: atomic { BLOCKED(0, 0) || BLOCKED(0, 1) -> hs = 0; he = 0 }
#endif
#ifdef APART
	:: atomic { BLOCKED(1, 0) -> hs = 0; he = 0 }
#endif
#endif

	/* no batch to go with: emitted alone; and the look at the epochs */
	:: atomic { ANY(UNEMITTED) ->
		if :: ANY(OLD_IN) -> AGAIN :: else fi;
		d_step {
			w = 0;
			do
			:: w < ROWS -> if :: own[w] -> emt[w] = MAX(emt[w], ACKED(w)) :: else fi; w++
			:: else -> break
			od;
			w = 0
		}
		check_db() }
	:: atomic { ALL(IDLE) && ANY(NOT_OURS_IN) -> AGAIN }
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
		if :: lost -> lost = 0 :: else -> d_step { apply(g, true) } fi;
		clear(g) }
	od
}

#ifndef FREE
#define MAY_REBALANCE(p) :: atomic { rebals < REBALS && !dead[1 - owner[p]] -> rebals++; owner[p] = 1 - owner[p] }
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
#define LEVEL ALL(LEVEL_BOTH)
#else
#define LEVEL ALL(LEVEL_IN)
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
			FOLLOW
		:: MOVE(0)                                                      /* promote, rollback */
		:: laneof1 == 1 -> MOVE(1)
		:: laneof1 == 1 && colour[0] == colour[1] && LEVEL ->           /* merge */
			RAISE_LANE(0); RAISE_LANE(1); laneof1 = 0;
			EACH(MERGE);
			colour[1] = 0; FOLLOW
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
