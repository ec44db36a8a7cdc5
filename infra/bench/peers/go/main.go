// SPDX-License-Identifier: MIT

// The Go peer of chillybin: franz-go and pgx. See ../README.md.
//
// Idiomatic: a transaction an order, offsets committed after each poll. Tuned:
// a goroutine with a connection for each of WORKERS shares of the partitions,
// which copies batches of up to BATCH orders and sends picks without waiting
// for their acknowledgements.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kgo"
)

type settings struct {
	brokers, database, suffix string
	tuned                     bool
	workers, batch, n         int64
	linger                    time.Duration
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func number(name string, otherwise int64) int64 {
	n, err := strconv.ParseInt(setting(name, strconv.FormatInt(otherwise, 10)), 10, 64)
	if err != nil || n < 0 {
		log.Fatalf("setting '%s' is no number", name)
	}
	return n
}

func read() settings {
	s := settings{
		brokers:  setting("KAFKA_BROKERS", "127.0.0.1:9092"),
		database: os.Getenv("DATABASE_URL"),
		suffix:   os.Getenv("TOPIC_SUFFIX"),
		tuned:    setting("MODE", "idiomatic") == "tuned",
		workers:  number("WORKERS", 1),
		batch:    number("BATCH", 2000),
		n:        number("N", 0),
		linger:   time.Duration(number("LINGER_MS", 5)) * time.Millisecond,
	}
	if s.workers < 1 || s.batch < 1 {
		log.Fatal("WORKERS and BATCH are at least 1")
	}
	return s
}

// progress counts orders: decided, and with an acknowledged pick.
type progress struct {
	n       int64
	done    context.CancelFunc
	acked   atomic.Int64
	mutex   sync.Mutex
	decided int64
	from    time.Time
	fromN   int64
	seconds float64
}

func (p *progress) addDecided(n int64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.decided += n
	if p.from.IsZero() && p.decided*10 >= p.n {
		p.from, p.fromN = time.Now(), p.decided
	} else if p.seconds == 0 && p.decided*10 >= p.n*9 {
		p.seconds = time.Since(p.from).Seconds() * 0.8 * float64(p.n) / float64(p.decided-p.fromN)
	}
}

func (p *progress) addAcked(n int64) {
	if total := p.acked.Add(n); p.n > 0 && total >= p.n {
		p.done()
	}
}

type peer struct {
	settings
	client   *kgo.Client
	pool     *pgxpool.Pool
	at       positions
	progress progress
	working  sync.WaitGroup
}

// Where partitions begin that the group has given us: as Postgres says.
func (p *peer) begin(ctx context.Context, topics map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	if err := p.at.load(ctx, p.pool); err != nil {
		return nil, err
	}
	for _, given := range topics {
		for partition := range given {
			given[partition] = kgo.NewOffset().At(p.at[partition].next.Load())
		}
	}
	return topics, nil
}

// Before partitions go to another: what was read of them is decided and sent.
func (p *peer) finish() error {
	p.working.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := p.client.Flush(ctx); err != nil {
		return err
	}
	return p.at.saveEmitted(ctx, p.pool)
}

func (p *peer) open(ctx context.Context) error {
	var err error
	if p.pool, err = connect(ctx, p.database, int(p.workers)+1); err != nil {
		return err
	}
	p.client, err = kgo.NewClient(
		kgo.SeedBrokers(strings.Split(p.brokers, ",")...),
		kgo.ConsumerGroup("galore.peer.go"+p.suffix),
		kgo.ConsumeTopics("orders"+p.suffix),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.AdjustFetchOffsetsFn(p.begin),
		kgo.OnPartitionsRevoked(func(context.Context, *kgo.Client, map[string][]int32) {
			if err := p.finish(); err != nil {
				log.Fatal(err)
			}
		}),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerLinger(p.linger),
		kgo.MaxBufferedRecords(100000))
	return err
}

func (p *peer) poll(ctx context.Context, n int64) (kgo.Fetches, error) {
	fetches := p.client.PollRecords(ctx, int(n))
	for _, e := range fetches.Errors() {
		if !errors.Is(e.Err, context.Canceled) {
			return nil, e.Err
		}
	}
	return fetches, nil
}

func (p *peer) publish(o *order, acked func()) {
	p.client.Produce(context.Background(), o.pick("picks"+p.suffix), func(_ *kgo.Record, err error) {
		if err != nil {
			log.Fatal(err)
		}
		acked()
	})
}

// ---- idiomatic ----

func (p *peer) handle(records []*kgo.Record) error {
	ctx := context.Background()
	for _, record := range records {
		var o order
		if err := o.read(record); err != nil {
			return err
		}
		if err := p.at.place(ctx, p.pool, &o); err != nil {
			return err
		}
		p.progress.addDecided(1)
		p.publish(&o, func() {
			p.at[record.Partition].emitted.Store(o.offset + 1)
			p.progress.addAcked(1)
		})
	}
	return nil
}

func (p *peer) runIdiomatic(ctx context.Context) error {
	for ctx.Err() == nil {
		fetches, err := p.poll(ctx, p.batch)
		if err != nil {
			return err
		}
		var wait sync.WaitGroup
		var failed atomic.Value
		slots := make(chan struct{}, p.workers)
		fetches.EachPartition(func(of kgo.FetchTopicPartition) {
			wait.Add(1)
			slots <- struct{}{}
			go func() {
				if err := p.handle(of.Records); err != nil {
					failed.Store(err)
				}
				<-slots
				wait.Done()
			}()
		})
		wait.Wait()
		if err, ok := failed.Load().(error); ok {
			return err
		}
		if err := p.finish(); err != nil {
			return err
		}
		if err := p.client.CommitUncommittedOffsets(context.Background()); err != nil {
			return err
		}
		p.client.AllowRebalance()
	}
	return nil
}

// ---- tuned ----

// flight is a batch whose picks are not all acknowledged.
type flight struct {
	left atomic.Int64
	last []*order // of each of its partitions
}

// share is one of WORKERS: some of the partitions, a connection, its flights.
type share struct {
	peer    *peer
	batches chan []*kgo.Record
	conn    *pgxpool.Conn
	flights []*flight
}

func (s *share) settle() {
	for len(s.flights) > 0 && s.flights[0].left.Load() == 0 {
		for _, o := range s.flights[0].last {
			s.peer.at[o.partition].emitted.Store(o.offset + 1)
		}
		s.flights = s.flights[1:]
	}
}

func (s *share) handle(records []*kgo.Record) error {
	ctx := context.Background()
	orders := make([]order, len(records))
	for i, record := range records {
		if err := orders[i].read(record); err != nil {
			return err
		}
	}
	s.settle()
	err := s.peer.at.placeAll(ctx, s.conn, orders)
	if err != nil && needsOneByOne(err) {
		for i := range orders {
			if err = s.peer.at.place(ctx, s.peer.pool, &orders[i]); err != nil {
				break
			}
		}
	}
	if err != nil {
		return err
	}
	s.peer.progress.addDecided(int64(len(orders)))
	s.publish(orders)
	return nil
}

func (s *share) publish(orders []order) {
	f := &flight{}
	f.left.Store(int64(len(orders)))
	for i := range orders {
		if i+1 == len(orders) || orders[i+1].partition != orders[i].partition {
			f.last = append(f.last, &orders[i])
		}
	}
	s.flights = append(s.flights, f)
	for i := range orders {
		s.peer.publish(&orders[i], func() {
			if f.left.Add(-1) == 0 {
				s.peer.progress.addAcked(int64(len(orders)))
			}
		})
	}
}

func (s *share) run() {
	for records := range s.batches {
		if err := s.handle(records); err != nil {
			log.Fatal(err)
		}
		s.peer.working.Done()
	}
}

func (p *peer) runTuned(ctx context.Context) error {
	shares := make([]*share, p.workers)
	for i := range shares {
		conn, err := p.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		shares[i] = &share{peer: p, conn: conn, batches: make(chan []*kgo.Record, 1)}
		go shares[i].run()
	}
	for ctx.Err() == nil {
		fetches, err := p.poll(ctx, p.batch*p.workers)
		if err != nil {
			return err
		}
		of := make([][]*kgo.Record, p.workers)
		fetches.EachPartition(func(from kgo.FetchTopicPartition) {
			if len(from.Records) > 0 { // an error has no partition
				w := int64(from.Partition) % p.workers
				of[w] = append(of[w], from.Records...)
			}
		})
		for w, records := range of {
			for len(records) > 0 {
				n := len(records)
				if n > int(p.batch) {
					n = int(p.batch)
				}
				p.working.Add(1)
				shares[w].batches <- records[:n]
				records = records[n:]
			}
		}
		p.client.AllowRebalance()
	}
	p.working.Wait()
	if err := p.client.Flush(context.Background()); err != nil {
		return err
	}
	for _, s := range shares {
		s.settle()
		s.conn.Release()
	}
	return p.finish()
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	p := &peer{settings: read()}
	p.progress.n, p.progress.done = p.n, cancel
	err := p.open(ctx)
	if err == nil {
		fmt.Println("ready")
		if p.tuned {
			err = p.runTuned(ctx)
		} else {
			err = p.runIdiomatic(ctx)
		}
	}
	if err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
	p.client.CloseAllowingRebalance()
	fmt.Printf("middle_seconds %.3f\n", p.progress.seconds)
}
