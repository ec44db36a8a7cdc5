// SPDX-License-Identifier: MIT

// Order: a record of `orders` as it is read, and the pick that is said of it.
'use strict';

const { Packr } = require('msgpackr');
const { randomBytes } = require('node:crypto');

const PARTITIONS = 12; // of each topic, for ever

// Plain maps, no extensions.
const packr = new Packr({ useRecords: false, variableMapSize: true });

function text(bytes) {
	return bytes === undefined ? null : bytes.toString();
}

function readOrder(message, partition) {
	const h = message.headers;

	if (text(h.ce_type) !== 'galore.order.placed' || text(h['schema-version']) !== '2')
		throw new Error('no order of version 2');
	const body = packr.unpack(message.value);
	return {
		id: body.order_id,
		partition,
		offset: Number(message.offset),
		stall: body.stall,
		customer: body.customer ?? null,
		items: body.items,
		doneness: body.doneness ?? 'light',
		grill: body.grill ?? true,
		metadata: body.metadata === undefined ? null : packr.pack(body.metadata),
		trace: text(h.traceparent),
		tracestate: text(h.tracestate),
		verdict: 'picked',
		missing: [],
		decidedAt: 0, // ms
	};
}

// ---- as a row has it ----

function escaped(name) {
	return name.includes('%') || name.includes(';')
		? name.replaceAll('%', '%25').replaceAll(';', '%3B') : name;
}

function itemsText(order) {
	let s = '';

	for (const item of order.items)
		s += `${s && ';'}${item.quantity} ${escaped(item.ingredient)}`;
	return s;
}

function missingText(order) {
	if (order.verdict === 'picked')
		return null;
	return order.missing.map((m) => `${m.wanted}/${m.left ?? '?'} ${escaped(m.ingredient)}`).join(';');
}

// 00-TRACE-SPAN-FLAGS as 25 bytes, in hex.
function traceHex(order) {
	const t = order.trace;

	return t?.length === 55 ? t.slice(3, 35) + t.slice(36, 52) + t.slice(53) : null;
}

// ---- the pick ----

// Random numbers are cheaper by the many.
let pool = '';
let used = 0;

function span() {
	if (used === pool.length) {
		pool = randomBytes(8192).toString('hex');
		used = 0;
	}
	used += 16;
	return pool.slice(used - 16, used);
}

function pick(order) {
	const headers = {
		ce_specversion: '1.0',
		ce_id: `${order.id}.pick`,
		ce_source: '/chillybin',
		ce_type: 'galore.pick',
		'content-type': 'application/msgpack',
		'schema-version': '2',
	};
	const body = { order_id: order.id, number: order.offset * PARTITIONS + order.partition, stall: order.stall };

	if (order.trace?.length === 55)
		headers.traceparent = order.trace.slice(0, 36) + span() + order.trace.slice(52);
	if (order.tracestate !== null)
		headers.tracestate = order.tracestate;
	if (order.customer !== null) {
		headers.customer = order.customer;
		body.customer = order.customer;
	}
	headers['source-position'] = `orders/${order.partition}@${order.offset}`;
	headers.seq = '1';
	body.items = order.items.map((i) => ({ ingredient: i.ingredient, quantity: i.quantity }));
	body.doneness = order.doneness;
	body.grill = order.grill;
	body.verdict = order.verdict;
	if (order.verdict === 'refused')
		body.reason = 'out of stock';
	body.missing = order.missing;
	return { key: order.id, value: packr.pack(body), headers, timestamp: String(order.decidedAt) };
}

module.exports = { PARTITIONS, readOrder, itemsText, missingText, traceHex, pick };
