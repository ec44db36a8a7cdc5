// SPDX-License-Identifier: MIT
//
// A person orders a cheese and vegemite toastie on the page and sees it done.
//
// Environment: BASE_URL, the address of a running storefront whose stall
// `main` has bread, cheese and vegemite, with all that makes toasties behind
// it; OUT, the file that the screenshot is written to, also when the test
// fails. Everything has a deadline. Exit status: 0 it was seen done, 1 not,
// 2 used wrongly.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const BROWSER = process.env.CHROMIUM || "/usr/bin/chromium";
// Many times what it takes where other tests have the cores.
const ALL_MS = 180_000;
const STEP_MS = 60_000;
const ARGUMENTS = [
	"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
	"--no-first-run", "--disable-background-networking",
	"--disable-component-update", "--disable-sync",
];

const { BASE_URL, OUT } = process.env;
const deadline = Date.now() + ALL_MS;
const left = () => Math.max(1, deadline - Date.now());

function check(truth, what) {
	if (!truth)
		throw new Error(what);
}

// What a person does: read the menu, choose, say a name, press the button.
async function order(page, name) {
	await page.goto(BASE_URL, { timeout: STEP_MS });
	await page.getByRole("heading", { name: "Toasties Galore" })
		.waitFor({ timeout: STEP_MS });
	await page.getByRole("checkbox", { name: /^Cheese/ })
		.check({ timeout: STEP_MS });
	await page.getByRole("checkbox", { name: /^Vegemite/ })
		.check({ timeout: STEP_MS });
	await page.getByRole("radio", { name: "light" })
		.check({ timeout: STEP_MS });
	await page.getByLabel(/Your name/).fill(name, { timeout: STEP_MS });
	await page.getByRole("button", { name: "Order" })
		.click({ timeout: STEP_MS });
}

// The card of that order, from sent to done.
async function seeItDone(page, name) {
	const card = page.locator("li.order").filter({ hasText: name });

	await card.waitFor({ timeout: STEP_MS });
	await page.waitForFunction((id) => {
		const state = document.querySelector(
			`li.order[data-order="${id}"]`)?.dataset.state;

		return ["done", "refused", "failed", "uncertain", "returned",
			"cancelled"].includes(state);
	}, await card.getAttribute("data-order"), { timeout: left() });

	const state = await card.getAttribute("data-state");
	const says = await card.getByRole("status").innerText();

	check(state === "done",
	      `the order ended as '${state}': ${says}`);
	check(says.includes("Enjoy your toastie"),
	      `the page says '${says}' of a toastie that is done`);
	return card.getAttribute("data-order");
}

// What the page shows is what the API says.
async function compareWithApi(id, name) {
	const answer = await fetch(new URL(`/orders/${id}`, BASE_URL), {
		signal: AbortSignal.timeout(STEP_MS),
	});
	const said = await answer.json();
	const items = said.items
		.map(({ ingredient, quantity }) => `${ingredient} ${quantity}`)
		.sort().join(", ");

	check(answer.status === 200, `GET /orders/${id} is ${answer.status}`);
	check(said.state === "done", `the API says '${said.state}'`);
	check(said.customer === name, `the customer is '${said.customer}'`);
	check(items === "bread 2, cheese 1, vegemite 1",
	      `the items are '${items}'`);
}

async function run(page, complaints) {
	const name = `Gita ${Date.now() % 100000}`;

	page.on("pageerror", (error) => complaints.push(error.message));
	page.on("console", (message) => {
		if (message.type() === "error")
			complaints.push(message.text());
	});
	await order(page, name);
	const id = await seeItDone(page, name);

	await compareWithApi(id, name);
	check(complaints.length === 0,
	      `the page complained: ${complaints.join("; ")}`);
	return id;
}

if (!BASE_URL || !OUT) {
	console.error("order_on_the_page: set BASE_URL and OUT");
	process.exit(2);
}

const profile = await mkdtemp(join(tmpdir(), "order-on-the-page-"));
const complaints = [];
let browser;
let page;

try {
	browser = await chromium.launchPersistentContext(profile, {
		executablePath: BROWSER,
		args: ARGUMENTS,
		viewport: { width: 1100, height: 900 },
		timeout: STEP_MS,
	});
	page = await browser.newPage();
	const id = await run(page, complaints);

	console.log(`order_on_the_page: order ${id} was seen done`);
} catch (error) {
	console.error(`order_on_the_page: ` +
		      error.message.replace(/\x1b\[\d*m/g, ""));
	if (complaints.length > 0)
		console.error(`the page says: ${complaints.join("; ")}`);
	process.exitCode = 1;
} finally {
	await page?.screenshot({ path: OUT, fullPage: true, timeout: STEP_MS })
		.catch((error) => {
			console.error(`order_on_the_page: no screenshot: ` +
				      error.message);
			process.exitCode = 1;
		});
	await browser?.close();
	await rm(profile, { recursive: true, force: true });
}
