// SPDX-License-Identifier: MIT
// The storefront's HTTP API, as the page needs it. An order is sent again
// under the same key until there is an answer, so that it stays one order.

const RETRIES_MAX = 20;
const WAIT_MAX_MS = 4000;
const REQUEST_TIMEOUT_MS = 15000;

// A version 7 UUID (RFC 9562): the time, then chance.
export function uuid7(nowMs = Date.now()) {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	let rest = nowMs;

	for (let i = 5; i >= 0; i--) {
		bytes[i] = rest % 256;
		rest = Math.floor(rest / 256);
	}
	bytes[6] = (bytes[6] & 0x0f) | 0x70;
	bytes[8] = (bytes[8] & 0x3f) | 0x80;
	const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0"));
	return [4, 6, 8, 10, 16]
		.map((end, i, ends) => hex.slice(ends[i - 1] ?? 0, end).join(""))
		.join("-");
}

// Said no: it will not be otherwise the next time. All else may still come.
export class Refused extends Error {
	constructor(answer) {
		const field = answer.field ? `${answer.field} ` : "";

		super(field + answer.error);
	}
}

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function ask(path, options = {}) {
	return fetch(path, {
		...options,
		signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
	});
}

// onRetry(n) is told before each further try.
export async function placeOrder(key, order, onRetry) {
	for (let n = 1; n <= RETRIES_MAX; n++) {
		try {
			const answer = await ask("/orders", {
				method: "POST",
				headers: {
					"Content-Type": "application/json",
					"Idempotency-Key": key,
				},
				body: JSON.stringify(order),
			});

			if (answer.status === 202)
				return await answer.json();
			if (answer.status < 500)
				throw new Refused(await answer.json());
		} catch (error) {
			if (error instanceof Refused)
				throw error;
		}
		onRetry(n);
		await wait(Math.min(WAIT_MAX_MS, 250 * 2 ** n) *
			   (0.75 + Math.random() / 2));
	}
	throw new Error("the stall does not answer");
}

// The stock as an object of quantities; throws when it cannot be had.
export async function stockOf(stall) {
	const answer = await ask(`/stock?stall=${encodeURIComponent(stall)}`);

	if (!answer.ok)
		throw new Error("the stock cannot be read");
	return answer.json();
}

export async function orderOf(id) {
	const answer = await ask(`/orders/${id}`);

	if (answer.status === 404)
		return null;
	if (!answer.ok)
		throw new Error("the order cannot be read");
	return answer.json();
}

// Calls onOrder(order) with the present state and with each new one. The
// browser reconnects by itself; a refused connection is tried again here.
// Returns a function that ends it.
export function watchOrder(id, onOrder) {
	let source;
	let timer;
	let ended = false;

	function open() {
		source = new EventSource(`/events?order=${id}`);
		source.onmessage = (event) => onOrder(JSON.parse(event.data));
		source.onerror = () => {
			if (ended || source.readyState !== EventSource.CLOSED)
				return;
			timer = setTimeout(open, 2000);
		};
	}

	open();
	return () => {
		ended = true;
		clearTimeout(timer);
		source.close();
	};
}
