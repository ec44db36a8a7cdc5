// SPDX-License-Identifier: MIT
//
// A person orders a cheese and vegemite toastie on the page and sees it done,
// two orders of two tabs after a reload, and one that was taken back as what
// it is.
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

async function open(page) {
	await page.goto(BASE_URL);
	await page.getByRole("heading", { name: "Toasties Galore" }).waitFor();
}

// What a person does: read the menu, choose, say a name, press the button.
async function order(page, name) {
	await page.getByRole("checkbox", { name: /^Cheese/ }).check();
	await page.getByRole("checkbox", { name: /^Vegemite/ }).check();
	await page.getByRole("radio", { name: "light" }).check();
	await page.getByLabel(/Your name/).fill(name);
	await page.getByRole("button", { name: "Order" }).click();
}

// The card of that order, from sent to done.
async function seeItDone(page, name) {
	const card = page.locator("li.order").filter({ hasText: name });

	await card.waitFor();
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

	const code = await card.locator(".code").innerText();

	check(/^[A-HJ-NP-Z][0-9]{3}$/.test(code),
	      `'${code}' cannot be called out over a counter`);
	check(says.startsWith(`${code}:`),
	      `what is read out, '${says}', does not say whose it is`);
	return { id: await card.getAttribute("data-order"), code };
}

// An order that was taken back elsewhere, as the page of a later visit has it.
async function seeItCancelled(page) {
	const order = {
		order_id: "018f3a1e-7c2b-7abc-8def-0123456789ab",
		number: 7, code: "K042", stall: "main", customer: "Gwenda",
		items: [{ ingredient: "cheese", quantity: 1 }],
		doneness: "light", state: "queued", returned: false,
		missing: [], plate: null,
	};
	const now = { ...order, state: "cancelled", returned: true };

	await page.route(`**/events?order=${order.order_id}`, (route) =>
		route.fulfill({
			contentType: "text/event-stream",
			body: `data: ${JSON.stringify(now)}\n\n`,
		}));
	await page.evaluate((kept) => {
		const others = localStorage.getItem("toasties:main");

		localStorage.setItem("toasties:main", JSON.stringify(
			[...JSON.parse(others), kept]));
	}, order);
	await page.reload();

	const card = page.locator(`li.order[data-order="${order.order_id}"]`);
	const says = card.getByRole("status");

	await says.filter({ hasText: "Cancelled, as you wanted it." })
		.waitFor();
	check((await says.innerText()).includes("The ingredients went back"),
	      "the page does not say that the ingredients went back");
	check(await card.locator(".wrong").count() === 0,
	      "what the customer wanted is shown as something wrong");
	check((await card.innerText()).includes("K042"),
	      "the code is not on the card");
}

// An order in each of two tabs: both are still there after a reload.
async function seeBothTabs(page) {
	const other = await page.context().newPage();
	const names = ["Zoë", "Dana"];

	await open(page);
	await open(other);
	for (const [i, tab] of [page, other].entries()) {
		await tab.bringToFront();
		await order(tab, names[i]);
		await tab.locator("li.order:not([data-state=sending])")
			.filter({ hasText: names[i] }).waitFor();
	}
	await other.close();
	await page.bringToFront();
	await page.reload();
	for (const name of names)
		await page.locator("li.order").filter({ hasText: name })
			.waitFor();
}

// What the page shows is what the API says.
async function compareWithApi({ id, code }, name) {
	const answer = await fetch(new URL(`/orders/${id}`, BASE_URL), {
		signal: AbortSignal.timeout(STEP_MS),
	});
	const said = await answer.json();
	const items = said.items
		.map(({ ingredient, quantity }) => `${ingredient} ${quantity}`)
		.sort().join(", ");

	check(answer.status === 200, `GET /orders/${id} is ${answer.status}`);
	check(said.state === "done", `the API says '${said.state}'`);
	check(said.code === code,
	      `the API says '${said.code}', the page '${code}'`);
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
	await open(page);
	await order(page, name);
	const seen = await seeItDone(page, name);

	await compareWithApi(seen, name);
	await seeBothTabs(page);
	await seeItCancelled(page);
	check(complaints.length === 0,
	      `the page complained: ${complaints.join("; ")}`);
	return seen.id;
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
	browser.setDefaultTimeout(STEP_MS);
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
