// SPDX-License-Identifier: MIT
// The orders of this browser: each a card with its steps, live until it is at
// its end. Their ids are kept in the browser, so that they are still there
// after a reload. Whatever comes from outside is shown as text.

import { orderOf, watchOrder } from "./api.js";

const KEPT_MAX = 10;
// A browser opens only a few connections to one server, in all of its tabs:
// orders beyond this are asked for now and then, and a tab that nobody looks at
// has none open.
const LIVE_MAX = 3;
const ASK_MS = 3000;

const STEPS = [
	["sending", "sent"],
	["accepted", "accepted"],
	["queued", "picked"],
	["grilling", "grilling"],
	["done", "done"],
];

const SAYS = {
	sending: "Sending your order…",
	accepted: "The stall has your order.",
	queued: "Everything is there. Waiting for a free plate…",
	grilling: "On the grill!",
	done: "Done. Enjoy your toastie!",
	refused: "Sorry, this cannot be made.",
	failed: "Sorry, it was spoiled on the grill.",
	uncertain: "Something went wrong at the grill. Somebody is looking.",
	returned: "It could not be grilled. The ingredients went back.",
	cancelled: "Cancelled, as you wanted it.",
};

// How far along an order is that left the path.
const REACHED = {
	refused: 2, cancelled: 2, returned: 2, failed: 3, uncertain: 3,
};
// What somebody wanted is not shown as something that went wrong.
const WANTED = new Set(["cancelled"]);

const FINAL = new Set(["done", "refused", "failed", "returned"]);
// A toastie may have been started before its cancellation arrived.
const isFinal = ({ state, returned }) =>
	FINAL.has(state) || (state === "cancelled" && returned === true);

function element(name, className, text = "") {
	const made = document.createElement(name);

	if (className)
		made.className = className;
	made.textContent = text;
	return made;
}

// Kept by an earlier page, perhaps by an older version of it.
const isOrder = (order) => typeof order?.order_id === "string" &&
	Array.isArray(order.items) && typeof order.doneness === "string";

const describe = (items) => items
	.map(({ ingredient, quantity }) =>
		quantity > 1 ? `${ingredient} × ${quantity}` : ingredient)
	.join(", ");

const lacking = (missing) => missing
	.map(({ ingredient, wanted, left }) => left === null
		? `the stall does not know ${ingredient}`
		: `${ingredient}: ${left} left of the ${wanted} you wanted`)
	.join("; ");

class Card {
	#root = element("li", "order");
	#title = element("h3");
	#code = element("strong", "code");
	#what = element("p", "what");
	#steps = element("ol", "steps");
	#says = element("p", "says");

	constructor(id) {
		const header = document.createElement("header");

		this.#root.dataset.order = id;
		this.#says.setAttribute("role", "status");
		this.#steps.setAttribute("aria-label", "progress");
		header.append(this.#title, this.#code);
		for (const [, label] of STEPS)
			this.#steps.append(element("li", "", label));
		this.#root.append(header, this.#what, this.#steps, this.#says);
	}

	get root() {
		return this.#root;
	}

	show({ state, customer, code, items, doneness, missing, plate,
	       returned }) {
		const step = STEPS.findIndex(([name]) => name === state);
		const reached = step < 0 ? REACHED[state] : step;

		this.#root.dataset.state = state;
		this.#title.textContent = customer
			? `Toastie for ${customer}` : "Your toastie";
		this.#code.textContent = code ?? "";
		this.#what.textContent = `${describe(items)} · ` +
			doneness.replace("-", " ");
		[...this.#steps.children].forEach((li, i) => {
			const now = i === reached;
			const past = i < reached ||
				(now && (state === "done" || WANTED.has(state)));

			li.className = past ? "past" :
				now ? (step < 0 ? "wrong" : "now") : "";
			if (now)
				li.setAttribute("aria-current", "step");
			else
				li.removeAttribute("aria-current");
		});
		this.#say(code, (SAYS[state] ?? state) +
			  (state === "grilling" && plate
				  ? ` Plate ${plate}.` : "") +
			  (state === "cancelled" && returned
				  ? " The ingredients went back." : "") +
			  (missing?.length ? ` ${lacking(missing)}.` : ""));
	}

	// Read out when it is new, with the code, since a reader hears one of
	// several orders and does not see whose card it is on.
	#say(code, text) {
		const spoken = code ? `${code}: ` : "";

		if (this.#says.textContent !== spoken + text)
			this.#says.replaceChildren(
				element("span", "spoken", spoken), text);
	}
}

export class Orders {
	#stall;
	#list = document.getElementById("orders");
	#hint = document.getElementById("no-orders");
	#orders = new Map();
	#removed = new Set();
	#onChange;

	constructor(stall, onChange) {
		this.#stall = stall;
		this.#onChange = onChange;
		for (const order of this.#kept())
			this.add(order);
		setInterval(() => this.#askForSilent(), ASK_MS);
		document.addEventListener("visibilitychange", () =>
			document.hidden ? this.#pause() : this.#resume());
	}

	#pause() {
		for (const entry of this.#orders.values()) {
			entry.end?.();
			entry.end = null;
		}
	}

	// The present state comes first, so that nothing was missed.
	#resume() {
		for (const [id, { order }] of this.#orders)
			if (order.state !== "sending")
				this.follow(id);
	}

	// An order that was just sent, or is remembered from before.
	add(order) {
		const id = order.order_id;
		const card = new Card(id);

		this.#orders.set(id, { order, card, end: null });
		this.#list.prepend(card.root);
		this.#hint.hidden = true;
		card.show(order);
		if (order.state !== "sending")
			this.follow(id);
		this.#keep();
	}

	// What a reload cut off: to be sent again under its id.
	unsent() {
		return [...this.#orders.values()]
			.map(({ order }) => order)
			.filter(({ state }) => state === "sending");
	}

	// The storefront has it: from now on it is followed.
	follow(id) {
		const entry = this.#orders.get(id);
		const live = [...this.#orders.values()].filter((e) => e.end);

		if (document.hidden || !entry || entry.end ||
		    isFinal(entry.order))
			return;
		if (live.length < LIVE_MAX)
			entry.end = watchOrder(id, (o) => this.update(o));
	}

	update(order) {
		const entry = this.#orders.get(order.order_id);

		if (!entry)
			return;
		const changed = ["state", "returned", "code"]
			.some((name) => entry.order[name] !== order[name]);

		entry.order = { ...entry.order, ...order };
		entry.card.show(entry.order);
		if (isFinal(entry.order) && entry.end) {
			entry.end();
			entry.end = null;
		}
		if (changed) {
			this.#keep();
			this.#onChange();
		}
	}

	remove(id) {
		this.#orders.get(id)?.card.root.remove();
		this.#orders.delete(id);
		this.#removed.add(id);
		this.#hint.hidden = this.#orders.size > 0;
		this.#keep();
	}

	async #askForSilent() {
		if (document.hidden)
			return;
		for (const [id, { order, end }] of this.#orders) {
			if (end || isFinal(order) ||
			    order.state === "sending")
				continue;
			try {
				// null: the stall does not know it yet, or
				// again; it stays as it is and is asked for
				// again in a moment, as after an error
				const known = await orderOf(id);

				if (known)
					this.update(known);
			} catch {
				return;
			}
			this.follow(id);
		}
	}

	get #name() {
		return `toasties:${this.#stall}`;
	}

	#kept() {
		try {
			return JSON.parse(localStorage.getItem(this.#name))
				.filter(isOrder);
		} catch {
			return [];
		}
	}

	// Other tabs keep theirs in the same place: what they wrote stays there.
	#keep() {
		const all = new Map(this.#kept().map((o) => [o.order_id, o]));

		for (const [id, { order }] of this.#orders)
			if (!all.has(id) || !isFinal(all.get(id)))
				all.set(id, order);
		for (const id of this.#removed)
			all.delete(id);
		// The oldest go, but none that is not at its end.
		for (const [id, order] of all)
			if (all.size > KEPT_MAX && isFinal(order))
				all.delete(id);
		try {
			localStorage.setItem(this.#name,
					     JSON.stringify([...all.values()]));
		} catch {
			// a browser that keeps nothing forgets them on reload
		}
	}
}
