// SPDX-License-Identifier: MIT

// The Node peer of chillybin: kafkajs and pg. See ../README.md.
//
// Each of WORKERS threads has a consumer, a producer and connections; the main
// thread counts. Idiomatic: a transaction an order, offsets committed batch by
// batch. Tuned: batches of up to BATCH orders are copied, and the next one is
// copied while the picks of the last are on their way.
'use strict';

const { Kafka, logLevel, CompressionTypes } = require('kafkajs');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { Database, needsOneByOne } = require('./database');
const { readOrder, pick } = require('./order');

const { env } = process;
const SUFFIX = env.TOPIC_SUFFIX ?? '';
const TUNED = env.MODE === 'tuned';
const BATCH = Number(env.BATCH || 2000);
const WORKERS = Number(env.WORKERS || 1);
const SEND_MAX = 1000;
const N = Number(env.N || 0);

// ---- one worker ----

class Peer {
	constructor() {
		const kafka = new Kafka({
			clientId: 'peer-node',
			brokers: (env.KAFKA_BROKERS || '127.0.0.1:9092').split(','),
			logLevel: logLevel.NOTHING, // a rebalance is an error to it; CRASH tells
		});

		this.database = new Database(env.DATABASE_URL, 2);
		this.consumer = kafka.consumer({
			groupId: `galore.peer.node${SUFFIX}`,
			maxBytesPerPartition: 4 * 1024 * 1024,
			maxWaitTimeInMs: 100,
		});
		this.producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
		this.publishing = Promise.resolve();
	}

	// kafkajs makes of one send one batch for each partition, which the topic
	// bounds to 1 MB; it has no linger.
	async publish(orders) {
		for (let at = 0; at < orders.length; at += SEND_MAX)
			await this.producer.send({
				topic: `picks${SUFFIX}`,
				acks: -1,
				compression: CompressionTypes.None,
				messages: orders.slice(at, at + SEND_MAX).map(pick),
			});
		for (const o of orders)
			this.database.emitted[o.partition] = o.offset + 1;
		parentPort.postMessage({ acked: orders.length });
	}

	async idiomatic({ batch, heartbeat, resolveOffset, isRunning, isStale }) {
		const orders = [];

		for (const message of batch.messages) {
			if (!isRunning() || isStale() || this.stopped)
				break;
			const order = readOrder(message, batch.partition);
			await this.database.place(order);
			parentPort.postMessage({ decided: 1 });
			orders.push(order);
			await heartbeat();
		}
		if (orders.length === 0)
			return;
		await this.publish(orders);
		resolveOffset(String(orders.at(-1).offset));
		await this.database.saveEmitted();
	}

	async placeAll(orders) {
		try {
			await this.database.placeAll(orders);
		} catch (e) {
			if (!needsOneByOne(e))
				throw e;
			for (const order of orders)
				await this.database.place(order);
		}
		parentPort.postMessage({ decided: orders.length });
	}

	async tuned({ batch, heartbeat, resolveOffset, isRunning, isStale }) {
		for (let at = 0; at < batch.messages.length; at += BATCH) {
			if (!isRunning() || isStale() || this.stopped)
				break;
			const orders = batch.messages.slice(at, at + BATCH).map((m) => readOrder(m, batch.partition));
			await this.placeAll(orders);
			await this.publishing;
			this.publishing = this.publish(orders);
			this.publishing.catch(fail);
			resolveOffset(batch.messages[Math.min(at + BATCH, batch.messages.length) - 1].offset);
			await heartbeat();
		}
	}

	// Partitions begin where Postgres says.
	async seek(assigned) {
		await this.database.load();
		for (const partition of assigned ?? [])
			this.consumer.seek({ topic: `orders${SUFFIX}`, partition, offset: String(this.database.next[partition]) });
	}

	async run() {
		const topic = `orders${SUFFIX}`;
		const joined = this.consumer.events.GROUP_JOIN;

		await this.producer.connect();
		await this.consumer.connect();
		await this.database.load();
		this.consumer.on(joined, (e) => this.seek(e.payload.memberAssignment[topic]).catch(fail));
		this.consumer.on(this.consumer.events.CRASH, (e) => fail(e.payload.error));
		await this.consumer.subscribe({ topic, fromBeginning: true });
		await this.consumer.run({
			autoCommit: !TUNED,
			partitionsConsumedConcurrently: 1,
			eachBatchAutoResolve: false,
			eachBatch: (payload) => (TUNED ? this.tuned(payload) : this.idiomatic(payload)),
		});
		parentPort.postMessage({ ready: true });
	}

	async stop() {
		this.stopped = true;
		await this.consumer.stop();
		await this.publishing;
		await this.database.saveEmitted();
		await this.consumer.disconnect();
		await this.producer.disconnect();
		await this.database.close();
		parentPort.close();
	}
}

function fail(e) {
	console.error(e);
	process.exit(1);
}

// ---- the main thread: counts orders, decided and with an acknowledged pick ----

function main() {
	// What lives as long as a batch is no garbage yet: a quarter less CPU.
	const resourceLimits = { maxYoungGenerationSizeMb: 64 };
	const workers = Array.from({ length: WORKERS }, () => new Worker(__filename, { resourceLimits }));
	let ready = 0, decided = 0, acked = 0, from = 0, fromN = 0, seconds = 0;
	const stop = () => workers.forEach((w) => w.postMessage('stop'));

	function count(message) {
		if (message.ready && ++ready === WORKERS)
			console.log('ready');
		decided += message.decided ?? 0;
		acked += message.acked ?? 0;
		if (from === 0 && decided * 10 >= N) {
			from = performance.now();
			fromN = decided;
		} else if (seconds === 0 && from && decided * 10 >= N * 9) {
			seconds = (performance.now() - from) / 1000 * 0.8 * N / (decided - fromN);
		}
		if (N > 0 && acked >= N && message.acked)
			stop();
	}

	let running = WORKERS;
	for (const worker of workers) {
		worker.on('message', count);
		worker.on('error', fail);
		worker.on('exit', (status) => {
			if (status !== 0)
				process.exit(1);
			if (--running === 0) {
				console.log(`middle_seconds ${seconds.toFixed(3)}`);
				process.exit(0);
			}
		});
	}
	process.on('SIGTERM', stop);
	process.on('SIGINT', stop);
}

if (isMainThread) {
	main();
} else {
	const peer = new Peer();

	parentPort.once('message', () => peer.stop().catch(fail));
	peer.run().catch(fail);
}
