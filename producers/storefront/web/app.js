// SPDX-License-Identifier: MIT
// The page: wires the menu, the form and the orders. The stall is `main`, or
// what ?stall= says.

import { placeOrder, Refused, uuid7 } from "./api.js";
import { BREAD, Menu, SLICES } from "./menu.js";
import { Orders } from "./orders.js";

const stall = new URLSearchParams(location.search).get("stall") || "main";
const form = document.getElementById("order-form");
const button = document.getElementById("order-button");
const note = document.getElementById("form-note");
const summary = document.getElementById("summary");

const menu = new Menu(stall, showSummary);
const orders = new Orders(stall, () => menu.refresh());

function showSummary() {
	const chosen = menu.chosen();

	summary.textContent = chosen.length
		? `Toastie with ${chosen.join(", ")} and ${SLICES} slices of bread`
		: "Choose at least one ingredient.";
	button.disabled = chosen.length === 0;
}

// What the form says, as the API takes it.
function orderOfForm() {
	const data = new FormData(form);
	const customer = data.get("customer").trim();
	const items = menu.chosen()
		.map((ingredient) => ({ ingredient, quantity: 1 }));

	items.push({ ingredient: BREAD, quantity: SLICES });
	return { stall, customer, items, doneness: data.get("doneness") };
}

// Everything that the API needs, and nothing that the page adds to it.
function bodyOf({ stall, customer, items, doneness }) {
	return { stall, ...(customer && { customer }), items, doneness };
}

async function send(key, order) {
	try {
		const answer = await placeOrder(key, bodyOf(order), () => {
			note.textContent =
				"The stall is busy. Trying again by itself…";
		});

		note.textContent = "";
		orders.update({ ...order, ...answer });
		orders.follow(answer.order_id);
	} catch (error) {
		if (error instanceof Refused) {
			orders.remove(key);
			note.textContent = `Not ordered: ${error.message}.`;
		} else {
			// It may have arrived: the order stays, and is the
			// same one when a reload sends it again.
			note.textContent = "The stall does not answer. Your " +
				"order is kept: reload the page to send it again.";
		}
	}
}

form.addEventListener("submit", (event) => {
	event.preventDefault();
	if (menu.chosen().length === 0)
		return;
	const key = uuid7();
	const order = orderOfForm();

	note.textContent = "";
	orders.add({ ...order, order_id: key, state: "sending", missing: [] });
	menu.clear();
	showSummary();
	send(key, order);
});

if (stall !== "main")
	document.getElementById("stall-name").textContent = `Stall ${stall}.`;
for (const order of orders.unsent())
	send(order.order_id, order);
showSummary();
menu.refresh();
