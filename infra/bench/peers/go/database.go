// SPDX-License-Identifier: MIT

// Database: the rows of orders, stock and positions.
package main

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

var columns = []string{"order_id", "content_hash", "offset", "decided_at",
	"partition", "order_version", "pick_version", "verdict", "doneness",
	"grill", "stall", "customer", "items", "missing", "trace",
	"tracestate", "metadata"}

// 0: the hash of the content is not known.
func (o *order) row(row []any) []any {
	return append(row, o.id, int64(0), o.offset, o.decidedAt,
		int16(o.partition), int16(2), int16(2), o.verdict, o.doneness[0],
		o.grill, o.stall, o.customer, o.itemsText(), o.missingText(),
		o.traceBytes(), o.tracestate, o.metadata)
}

// rows is a pgx.CopyFromSource.
type rows struct {
	orders []order
	next   int
	row    []any
}

func (r *rows) Next() bool { r.next++; return r.next <= len(r.orders) }
func (r *rows) Err() error { return nil }
func (r *rows) Values() ([]any, error) {
	r.row = r.orders[r.next-1].row(r.row[:0])
	return r.row, nil
}

const ofPosition = `p.service = 'chillybin' AND p.lane = 'stable'
	AND p.topic = 'orders' AND p.colour = 'blue'`

const movePositions = `UPDATE positions p SET next_offset = m.next,
		emitted_offset = greatest(p.emitted_offset, m.emitted)
	FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[])
		AS m(partition, old, next, emitted)
	WHERE ` + ofPosition + ` AND p.partition = m.partition
		AND p.next_offset = m.old`

const lockStock = `SELECT 1 FROM stock WHERE (stall, ingredient) IN (
		SELECT * FROM unnest($1::text[], $2::text[]))
	ORDER BY stall, ingredient FOR UPDATE`

const takeStock = `UPDATE stock s SET quantity = s.quantity - d.n
	FROM unnest($1::text[], $2::text[], $3::bigint[])
		AS d(stall, ingredient, n)
	WHERE s.stall = d.stall AND s.ingredient = d.ingredient`

var (
	insertOrder = insertStatement()
	errMoved    = errors.New("another worker has moved a position")
	errShort    = errors.New("the stock does not cover it")
)

func insertStatement() string {
	values := make([]string, len(columns))
	for i := range values {
		values[i] = fmt.Sprintf("$%d", i+1)
	}
	return `INSERT INTO orders ("` + strings.Join(columns, `", "`) +
		`") VALUES (` + strings.Join(values, ", ") +
		`) ON CONFLICT (order_id) DO NOTHING`
}

// Up to where each partition is decided, and its picks are acknowledged.
type positions [partitions]struct{ next, emitted atomic.Int64 }

func connect(ctx context.Context, url string, n int) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(n)
	config.ConnConfig.RuntimeParams["search_path"] = "galore"
	return pgxpool.NewWithConfig(ctx, config)
}

// Positions only rise, and a share may move one while it is read.
func raise(at *atomic.Int64, to int64) {
	for is := at.Load(); is < to && !at.CompareAndSwap(is, to); is = at.Load() {
	}
}

func (p *positions) load(ctx context.Context, pool *pgxpool.Pool) error {
	found, err := pool.Query(ctx, `SELECT partition, next_offset,
		emitted_offset FROM positions p WHERE `+ofPosition)
	if err != nil {
		return err
	}
	var partition int32
	var next, emitted int64
	_, err = pgx.ForEachRow(found, []any{&partition, &next, &emitted}, func() error {
		raise(&p[partition].next, next)
		raise(&p[partition].emitted, emitted)
		return nil
	})
	return err
}

// All that was decided is on its topic.
func (p *positions) saveEmitted(ctx context.Context, pool *pgxpool.Pool) error {
	var which []int32
	var emitted []int64
	for i := range p {
		which = append(which, int32(i))
		emitted = append(emitted, p[i].emitted.Load())
	}
	_, err := pool.Exec(ctx, `UPDATE positions p SET emitted_offset = m.emitted
		FROM unnest($1::int[], $2::bigint[]) AS m(partition, emitted)
		WHERE `+ofPosition+` AND p.partition = m.partition
			AND m.emitted BETWEEN p.emitted_offset + 1 AND p.next_offset`,
		which, emitted)
	return err
}

// One order in a transaction of its own.
func (p *positions) place(ctx context.Context, pool *pgxpool.Pool, o *order) error {
	sorted := append([]item(nil), o.items...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].name < sorted[j].name })
	o.verdict, o.decidedAt = picked, time.Now().Truncate(time.Millisecond)
	err := p.placeAs(ctx, pool, o, func(tx pgx.Tx) error {
		for _, it := range sorted {
			tag, err := tx.Exec(ctx, `UPDATE stock SET quantity = quantity - $3
				WHERE stall = $1 AND ingredient = $2 AND quantity >= $3`,
				o.stall, it.name, it.quantity)
			if err == nil && tag.RowsAffected() == 0 {
				err = errShort
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, errShort) {
		return err
	}
	o.verdict = refused
	for _, it := range o.items {
		s := shortage{item: it, known: true}
		err = pool.QueryRow(ctx, `SELECT quantity FROM stock
			WHERE stall = $1 AND ingredient = $2`, o.stall, it.name).Scan(&s.left)
		if errors.Is(err, pgx.ErrNoRows) {
			s.known = false
		} else if err != nil {
			return err
		}
		if s.left < it.quantity {
			o.missing = append(o.missing, s)
		}
	}
	return p.placeAs(ctx, pool, o, func(pgx.Tx) error { return nil })
}

func (p *positions) placeAs(ctx context.Context, pool *pgxpool.Pool, o *order, take func(pgx.Tx) error) error {
	at := &p[o.partition]
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, insertOrder, o.row(nil)...)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			err = tx.QueryRow(ctx, `SELECT verdict, decided_at FROM orders
				WHERE order_id = $1`, o.id).Scan(&o.verdict, &o.decidedAt)
		} else {
			err = take(tx)
		}
		if err != nil {
			return err
		}
		tag, err = tx.Exec(ctx, `UPDATE positions p SET next_offset = $2
			WHERE `+ofPosition+` AND p.partition = $1 AND p.next_offset = $3`,
			o.partition, o.offset+1, at.next.Load())
		if err == nil && tag.RowsAffected() == 0 {
			err = errMoved
		}
		return err
	})
	if err == nil {
		at.next.Store(o.offset + 1)
	}
	return err
}

// A batch in one transaction: orders first, then what others wait for.
func (p *positions) placeAll(ctx context.Context, conn *pgxpool.Conn, orders []order) error {
	type key struct{ stall, name string }
	sums := map[key]int64{}
	ends := map[int32]int64{}
	now := time.Now().Truncate(time.Millisecond)
	for i := range orders {
		o := &orders[i]
		o.verdict, o.decidedAt = picked, now
		ends[o.partition] = o.offset + 1
		for _, it := range o.items {
			sums[key{o.stall, it.name}] += it.quantity
		}
	}
	var stalls, names []string
	var quantities []int64
	for k, n := range sums {
		stalls, names, quantities = append(stalls, k.stall), append(names, k.name), append(quantities, n)
	}
	var which []int32
	var old, next, emitted []int64
	for partition, end := range ends {
		at := &p[partition]
		which, old = append(which, partition), append(old, at.next.Load())
		next, emitted = append(next, end), append(emitted, at.emitted.Load())
	}
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"orders"}, columns, &rows{orders: orders}); err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(lockStock, stalls, names)
		batch.Queue(takeStock, stalls, names, quantities).Exec(expect(len(stalls), errShort))
		batch.Queue(movePositions, which, old, next, emitted).Exec(expect(len(which), errMoved))
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return err
	}
	for partition, end := range ends {
		p[partition].next.Store(end)
	}
	return nil
}

func expect(n int, otherwise error) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != int64(n) {
			return otherwise
		}
		return nil
	}
}

// A known order, or too little stock: one by one says which.
func needsOneByOne(err error) bool {
	var pg *pgconn.PgError
	return errors.Is(err, errShort) || errors.As(err, &pg) &&
		(pg.Code == "23505" || pg.Code == "23514")
}
