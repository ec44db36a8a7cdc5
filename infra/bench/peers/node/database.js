// SPDX-License-Identifier: MIT

// Database: the rows of orders, stock and positions.
'use strict';

const { Pool } = require('pg');
const { from: copyFrom } = require('pg-copy-streams');
const { once } = require('node:events');
const { PARTITIONS, itemsText, missingText, traceHex } = require('./order');

const COLUMNS = ['order_id', 'content_hash', 'offset', 'decided_at', 'partition',
	'order_version', 'pick_version', 'verdict', 'doneness', 'grill', 'stall',
	'customer', 'items', 'missing', 'trace', 'tracestate', 'metadata'];
const NAMES = `"${COLUMNS.join('", "')}"`;
const POSITION = `p.service = 'chillybin' AND p.lane = 'stable'
	AND p.topic = 'orders' AND p.colour = 'blue'`;

// Prepared, once a connection.
const SQL = {
	insert: `INSERT INTO orders (${NAMES})
		VALUES (${COLUMNS.map((_, i) => `$${i + 1}`).join(', ')})
		ON CONFLICT (order_id) DO NOTHING`,
	known: 'SELECT verdict, decided_at FROM orders WHERE order_id = $1',
	take: `UPDATE stock SET quantity = quantity - $3
		WHERE stall = $1 AND ingredient = $2 AND quantity >= $3`,
	left: 'SELECT quantity FROM stock WHERE stall = $1 AND ingredient = $2',
	move: `UPDATE positions p SET next_offset = $2 WHERE ${POSITION}
		AND p.partition = $1 AND p.next_offset = $3`,
	lockAll: `SELECT 1 FROM stock WHERE (stall, ingredient) IN (
			SELECT * FROM unnest($1::text[], $2::text[]))
		ORDER BY stall, ingredient FOR UPDATE`,
	takeAll: `UPDATE stock s SET quantity = s.quantity - d.n
		FROM unnest($1::text[], $2::text[], $3::bigint[])
			AS d(stall, ingredient, n)
		WHERE s.stall = d.stall AND s.ingredient = d.ingredient`,
	moveAll: `UPDATE positions p SET next_offset = m.next,
			emitted_offset = greatest(p.emitted_offset, m.emitted)
		FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[])
			AS m(partition, old, next, emitted)
		WHERE ${POSITION} AND p.partition = m.partition
			AND p.next_offset = m.old`,
	saveEmitted: `UPDATE positions p SET emitted_offset = m.emitted
		FROM unnest($1::int[], $2::bigint[]) AS m(partition, emitted)
		WHERE ${POSITION} AND p.partition = m.partition
			AND m.emitted BETWEEN p.emitted_offset + 1 AND p.next_offset`,
	load: `SELECT partition, next_offset, emitted_offset FROM positions p
		WHERE ${POSITION}`,
};

class Short extends Error { }

// libpq takes a URL without a host; URL does not.
function config(url) {
	return {
		connectionString: url.replace('@:', '@localhost:'),
		options: '-c search_path=galore',
	};
}

function expect(wanted, is, otherwise) {
	if (wanted !== is)
		throw otherwise;
}

const moved = () => new Error('another worker has moved a position');

// content_hash 0: it is not known.
function row(o) {
	const trace = traceHex(o);

	return [o.id, 0, o.offset, new Date(o.decidedAt).toISOString(), o.partition, 2, 2,
		o.verdict[0], o.doneness[0], o.grill, o.stall, o.customer, itemsText(o),
		missingText(o), trace && `\\x${trace}`, o.tracestate,
		o.metadata && `\\x${o.metadata.toString('hex')}`];
}

function copyValue(value) {
	if (value === null)
		return '\\N';
	if (typeof value !== 'string')
		return String(value);
	return /[\\\t\n\r]/.test(value)
		? value.replace(/[\\\t\n\r]/g, (c) => ({ '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' })[c])
		: value;
}

class Database {
	constructor(url, n) {
		this.next = new Array(PARTITIONS).fill(0);
		this.emitted = new Array(PARTITIONS).fill(0);
		this.pool = new Pool({ ...config(url), max: n });
	}

	// Positions only rise, and a batch may move one while it is read.
	async load() {
		for (const r of (await this.pool.query(SQL.load)).rows) {
			const p = r.partition;

			this.next[p] = Math.max(this.next[p], Number(r.next_offset));
			this.emitted[p] = Math.max(this.emitted[p], Number(r.emitted_offset));
		}
	}

	saveEmitted() {
		return this.pool.query(SQL.saveEmitted, [[...this.emitted.keys()], this.emitted]);
	}

	async transaction(work) {
		const client = await this.pool.connect();
		const run = (name, values) => client.query({ name, text: SQL[name], values });

		try {
			await client.query('BEGIN');
			await work(run, client);
			await client.query('COMMIT');
		} catch (e) {
			await client.query('ROLLBACK');
			throw e;
		} finally {
			client.release();
		}
	}

	// ---- one order in a transaction of its own ----

	async place(order) {
		order.verdict = 'picked';
		order.decidedAt = Date.now();
		try {
			await this.placeAs(order);
		} catch (e) {
			if (!(e instanceof Short))
				throw e;
			order.verdict = 'refused';
			order.missing = await this.missing(order);
			await this.placeAs(order);
		}
	}

	async placeAs(order) {
		const { partition } = order;

		await this.transaction(async (run) => {
			if ((await run('insert', row(order))).rowCount === 0)
				await this.readKnown(run, order);
			else if (order.verdict === 'picked')
				await this.takeEach(run, order);
			expect(1, (await run('move', [partition, order.offset + 1, this.next[partition]])).rowCount, moved());
		});
		this.next[partition] = order.offset + 1;
	}

	async readKnown(run, order) {
		const [known] = (await run('known', [order.id])).rows;

		order.verdict = known.verdict === 'p' ? 'picked' : 'refused';
		order.decidedAt = known.decided_at.getTime();
	}

	async takeEach(run, order) {
		const sorted = [...order.items].sort((a, b) => (a.ingredient < b.ingredient ? -1 : 1));

		for (const item of sorted)
			expect(1, (await run('take', [order.stall, item.ingredient, item.quantity])).rowCount, new Short());
	}

	async missing(order) {
		const found = [];

		for (const { ingredient, quantity } of order.items) {
			const [is] = (await this.pool.query(SQL.left, [order.stall, ingredient])).rows;
			const left = is ? Number(is.quantity) : null;

			if (left === null || left < quantity)
				found.push({ ingredient, wanted: quantity, left });
		}
		return found;
	}

	// ---- a batch in one transaction: orders first, then what others wait for ----

	async placeAll(orders) {
		const sums = new Map();
		const ends = new Map();
		const now = Date.now();
		let text = '';

		for (const o of orders) {
			o.decidedAt = now;
			ends.set(o.partition, o.offset + 1);
			for (const item of o.items) {
				const key = `${o.stall}\0${item.ingredient}`;
				sums.set(key, (sums.get(key) ?? 0) + item.quantity);
			}
			text += `${row(o).map(copyValue).join('\t')}\n`;
		}
		await this.transaction(async (run, client) => {
			const copy = client.query(copyFrom(`COPY orders (${NAMES}) FROM STDIN`));

			copy.end(text);
			await once(copy, 'finish');
			await this.takeAndMove(run, sums, ends);
		});
		for (const [partition, end] of ends)
			this.next[partition] = end;
	}

	async takeAndMove(run, sums, ends) {
		const keys = [...sums.keys()].map((key) => key.split('\0'));
		const which = [...ends.keys()];
		const stalls = keys.map(([stall]) => stall);
		const names = keys.map(([, name]) => name);

		await run('lockAll', [stalls, names]);
		const taken = await run('takeAll', [stalls, names, [...sums.values()]]);
		expect(keys.length, taken.rowCount, new Short());
		const moves = await run('moveAll', [which, which.map((p) => this.next[p]),
			[...ends.values()], which.map((p) => this.emitted[p])]);
		expect(which.length, moves.rowCount, moved());
	}

	close() {
		return this.pool.end();
	}
}

// A known order, or too little stock: one by one says which.
function needsOneByOne(e) {
	return e instanceof Short || e.code === '23505' || e.code === '23514';
}

module.exports = { Database, needsOneByOne };
