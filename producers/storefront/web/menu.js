// SPDX-License-Identifier: MIT
// The menu: what the stall has, kept up to date without losing a choice or the
// place of the keyboard. Names of ingredients are shown as text, never as
// markup.

import { stockOf } from "./api.js";

export const BREAD = "bread";
export const SLICES = 2;
const REFRESH_MS = 5000;

const capital = (name) => name.charAt(0).toUpperCase() + name.slice(1);

function row(name, onChange) {
	const item = document.createElement("li");
	const label = document.createElement("label");
	const box = document.createElement("input");
	const title = document.createElement("span");
	const left = document.createElement("span");

	box.type = "checkbox";
	box.name = "ingredient";
	box.value = name;
	box.addEventListener("change", onChange);
	title.className = "name";
	title.textContent = capital(name);
	left.className = "left";
	label.append(box, title, left);
	item.append(label);
	return { item, box, left };
}

export class Menu {
	#stall;
	#rows = new Map();
	#list = document.getElementById("menu");
	#note = document.getElementById("menu-note");
	#bread = document.getElementById("bread-left");
	#onChange;
	#breadLeft = 0;

	constructor(stall, onChange) {
		this.#stall = stall;
		this.#onChange = onChange;
		setInterval(() => {
			if (!document.hidden)
				this.refresh();
		}, REFRESH_MS);
		document.addEventListener("visibilitychange", () => {
			if (!document.hidden)
				this.refresh();
		});
	}

	// The names that are chosen.
	chosen() {
		return [...this.#rows.values()]
			.filter(({ box }) => box.checked)
			.map(({ box }) => box.value);
	}

	clear() {
		for (const { box } of this.#rows.values())
			box.checked = false;
	}

	hasBread() {
		return this.#breadLeft >= SLICES;
	}

	async refresh() {
		try {
			this.#show(await stockOf(this.#stall));
		} catch {
			this.#note.textContent =
				"The stall does not say what it has. " +
				"Trying again…";
		}
	}

	#show(stock) {
		const names = Object.keys(stock).filter((n) => n !== BREAD);

		this.#breadLeft = stock[BREAD] ?? 0;
		this.#bread.textContent = `(${this.#breadLeft} left)`;
		for (const name of names)
			this.#set(name, stock[name]);
		for (const [name, { item }] of this.#rows) {
			if (!(name in stock)) {
				item.remove();
				this.#rows.delete(name);
			}
		}
		this.#list.removeAttribute("aria-busy");
		this.#note.textContent =
			names.length ? "" : "The stall has nothing in stock.";
		this.#onChange();
	}

	#set(name, quantity) {
		if (!this.#rows.has(name)) {
			const fresh = row(name, this.#onChange);
			const after = [...this.#rows.keys()]
				.find((other) => other > name);

			this.#rows.set(name, fresh);
			this.#list.insertBefore(
				fresh.item,
				after ? this.#rows.get(after).item : null);
		}
		const { box, left } = this.#rows.get(name);

		left.textContent = quantity > 0 ? `${quantity} left` : "sold out";
		box.disabled = quantity < 1 && !box.checked;
	}
}
