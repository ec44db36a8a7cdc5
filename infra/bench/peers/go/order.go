// SPDX-License-Identifier: MIT

// Order: a record of `orders` as it is read, and the pick that is said of it.
package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand"
	"strconv"
	"strings"
	"time"

	"github.com/tinylib/msgp/msgp"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	partitions = 12 // of each topic, for ever
	picked     = 'p'
	refused    = 'r'
)

type item struct {
	name     string
	quantity int64
}

type shortage struct {
	item
	left  int64
	known bool
}

type order struct {
	id         [16]byte
	text       string // the id as a text: the key
	partition  int32
	offset     int64
	stall      string
	customer   *string
	items      []item
	doneness   string
	grill      bool
	metadata   []byte // a msgpack map as it came
	trace      []byte // as it came
	tracestate *string

	verdict   byte
	missing   []shortage
	decidedAt time.Time
}

func header(r *kgo.Record, name string) []byte {
	for i := range r.Headers {
		if r.Headers[i].Key == name {
			return r.Headers[i].Value
		}
	}
	return nil
}

func (o *order) read(r *kgo.Record) error {
	if string(header(r, "ce_type")) != "galore.order.placed" ||
		string(header(r, "schema-version")) != "2" {
		return errors.New("no order of version 2")
	}
	o.partition, o.offset = r.Partition, r.Offset
	o.trace = header(r, "traceparent")
	if state := header(r, "tracestate"); state != nil {
		text := string(state)
		o.tracestate = &text
	}
	o.doneness, o.grill = "light", true
	if err := o.readBody(r.Value); err != nil {
		return err
	}
	digits := strings.ReplaceAll(o.text, "-", "")
	if len(digits) != 32 {
		return errors.New("order_id is no UUID")
	}
	_, err := hex.Decode(o.id[:], []byte(digits))
	return err
}

func (o *order) readBody(b []byte) error {
	n, b, err := msgp.ReadMapHeaderBytes(b)
	for ; err == nil && n > 0; n-- {
		var key []byte
		if key, b, err = msgp.ReadMapKeyZC(b); err != nil {
			break
		}
		switch string(key) {
		case "order_id":
			o.text, b, err = msgp.ReadStringBytes(b)
		case "stall":
			o.stall, b, err = msgp.ReadStringBytes(b)
		case "customer":
			var customer string
			customer, b, err = msgp.ReadStringBytes(b)
			o.customer = &customer
		case "items":
			b, err = o.readItems(b)
		case "doneness":
			o.doneness, b, err = msgp.ReadStringBytes(b)
		case "grill":
			o.grill, b, err = msgp.ReadBoolBytes(b)
		case "metadata":
			rest, skipped := msgp.Skip(b)
			o.metadata, b, err = b[:len(b)-len(rest)], rest, skipped
		default:
			b, err = msgp.Skip(b)
		}
	}
	return err
}

func (o *order) readItems(b []byte) ([]byte, error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil || int(n) > len(b) {
		return b, errors.New("items is no list")
	}
	o.items = make([]item, n)
	for i := range o.items {
		var keys uint32
		keys, b, err = msgp.ReadMapHeaderBytes(b)
		for ; err == nil && keys > 0; keys-- {
			var key []byte
			if key, b, err = msgp.ReadMapKeyZC(b); err != nil {
				break
			}
			switch string(key) {
			case "ingredient":
				o.items[i].name, b, err = msgp.ReadStringBytes(b)
			case "quantity":
				o.items[i].quantity, b, err = msgp.ReadInt64Bytes(b)
			default:
				b, err = msgp.Skip(b)
			}
		}
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

// ---- as a row has it ----

var escape = strings.NewReplacer("%", "%25", ";", "%3B")

func appendName(b []byte, name string) []byte {
	if strings.ContainsAny(name, "%;") {
		name = escape.Replace(name)
	}
	return append(append(b, ' '), name...)
}

func (o *order) itemsText() string {
	b := make([]byte, 0, 64)
	for i := range o.items {
		if i > 0 {
			b = append(b, ';')
		}
		b = strconv.AppendInt(b, o.items[i].quantity, 10)
		b = appendName(b, o.items[i].name)
	}
	return string(b)
}

func (o *order) missingText() *string {
	if o.verdict == picked {
		return nil
	}
	var b []byte
	for i, it := range o.missing {
		if i > 0 {
			b = append(b, ';')
		}
		left := "?"
		if it.known {
			left = strconv.FormatInt(it.left, 10)
		}
		b = appendName(append(fmt.Appendf(b, "%d/", it.quantity), left...), it.name)
	}
	text := string(b)
	return &text
}

// 00-TRACE-SPAN-FLAGS as 25 bytes.
func (o *order) traceBytes() []byte {
	if len(o.trace) != 55 {
		return nil
	}
	b := make([]byte, 25)
	_, err1 := hex.Decode(b, o.trace[3:35])
	_, err2 := hex.Decode(b[16:], o.trace[36:52])
	_, err3 := hex.Decode(b[24:], o.trace[53:55])
	if err1 != nil || err2 != nil || err3 != nil {
		return nil
	}
	return b
}

// ---- the pick ----

func text(s string) []byte { return []byte(s) }

// What every pick has.
var (
	specversion = kgo.RecordHeader{Key: "ce_specversion", Value: text("1.0")}
	source      = kgo.RecordHeader{Key: "ce_source", Value: text("/chillybin")}
	pickType    = kgo.RecordHeader{Key: "ce_type", Value: text("galore.pick")}
	content     = kgo.RecordHeader{Key: "content-type", Value: text("application/msgpack")}
	version     = kgo.RecordHeader{Key: "schema-version", Value: text("2")}
	seq         = kgo.RecordHeader{Key: "seq", Value: text("1")}
)

func (o *order) pick(topic string) *kgo.Record {
	h := make([]kgo.RecordHeader, 0, 11)
	h = append(h, specversion, kgo.RecordHeader{Key: "ce_id", Value: text(o.text + ".pick")},
		source, pickType, content, version)
	if len(o.trace) == 55 {
		trace := append([]byte(nil), o.trace...)
		var span [8]byte
		rand.Read(span[:])
		hex.Encode(trace[36:], span[:])
		h = append(h, kgo.RecordHeader{Key: "traceparent", Value: trace})
	}
	if o.tracestate != nil {
		h = append(h, kgo.RecordHeader{Key: "tracestate", Value: text(*o.tracestate)})
	}
	if o.customer != nil {
		h = append(h, kgo.RecordHeader{Key: "customer", Value: text(*o.customer)})
	}
	position := strconv.AppendInt(append(make([]byte, 0, 32), "orders/"...), int64(o.partition), 10)
	position = strconv.AppendInt(append(position, '@'), o.offset, 10)
	h = append(h, kgo.RecordHeader{Key: "source-position", Value: position}, seq)
	return &kgo.Record{Topic: topic, Key: text(o.text), Value: o.pickBody(),
		Headers: h, Timestamp: o.decidedAt}
}

func (o *order) pickBody() []byte {
	n := uint32(8)
	if o.customer != nil {
		n++
	}
	if o.verdict == refused {
		n++
	}
	b := msgp.AppendMapHeader(make([]byte, 0, 512), n)
	b = msgp.AppendString(msgp.AppendString(b, "order_id"), o.text)
	b = msgp.AppendInt64(msgp.AppendString(b, "number"), o.offset*partitions+int64(o.partition))
	b = msgp.AppendString(msgp.AppendString(b, "stall"), o.stall)
	if o.customer != nil {
		b = msgp.AppendString(msgp.AppendString(b, "customer"), *o.customer)
	}
	b = msgp.AppendArrayHeader(msgp.AppendString(b, "items"), uint32(len(o.items)))
	for i := range o.items {
		b = msgp.AppendString(msgp.AppendString(msgp.AppendMapHeader(b, 2), "ingredient"), o.items[i].name)
		b = msgp.AppendInt64(msgp.AppendString(b, "quantity"), o.items[i].quantity)
	}
	b = msgp.AppendString(msgp.AppendString(b, "doneness"), o.doneness)
	b = msgp.AppendBool(msgp.AppendString(b, "grill"), o.grill)
	if o.verdict == picked {
		b = msgp.AppendString(msgp.AppendString(b, "verdict"), "picked")
	} else {
		b = msgp.AppendString(msgp.AppendString(b, "verdict"), "refused")
		b = msgp.AppendString(msgp.AppendString(b, "reason"), "out of stock")
	}
	b = msgp.AppendArrayHeader(msgp.AppendString(b, "missing"), uint32(len(o.missing)))
	for _, it := range o.missing {
		b = msgp.AppendString(msgp.AppendString(msgp.AppendMapHeader(b, 3), "ingredient"), it.name)
		b = msgp.AppendInt64(msgp.AppendString(b, "wanted"), it.quantity)
		b = msgp.AppendString(b, "left")
		if it.known {
			b = msgp.AppendInt64(b, it.left)
		} else {
			b = msgp.AppendNil(b)
		}
	}
	return b
}
