/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Zoom and search in a picture that says everything without them. The boxes stand in the order of a walk, callers first;
 * the title of each has its full name and, in its second line, its count, from which they are laid out anew.
 */
(() => {
"use strict";
const COLUMN = 7.25, PADDING = 3, NARROWEST = 0.3, MARGIN = 10;
const svg = document.currentScript.ownerSVGElement;
const boxes = [...svg.querySelectorAll(".box")].map((group) => {
	const [name, facts] = group.querySelector("title").textContent.split("\n");
	const rect = group.querySelector("rect");
	const count = Number(facts.split(" ")[0].replaceAll(",", ""));
	return {group, rect, name, facts, count, text: group.querySelector("text"), y: rect.y.baseVal.value, merged: group.classList.contains("rest")};
});
const open = [];
for (const box of boxes) {
	while (open.length && open.at(-1).y >= box.y) open.pop();
	box.parent = open.at(-1) ?? null;
	open.push(box);
}
const root = boxes[0];
const buttons = {}, view = {zoom: root, search: ""};

const isIn = (box, set) => box !== null && set.has(box);

// "net/http.(*conn).serve" is shown as "http.(*conn).serve".
function short(name) {
	const end = name.search(/[[(]/);
	return name.slice((end < 0 ? name : name.slice(0, end)).lastIndexOf("/") + 1);
}

function label(box) {
	const columns = Math.floor((box.width - 2 * PADDING) / COLUMN);
	const name = short(box.name);
	const shown = box.merged || columns < 3 ? "" : name.length <= columns ? name : name.slice(0, columns - 1) + "…";
	if (!box.text && shown) {
		box.text = document.createElementNS(svg.namespaceURI, "text");
		box.text.setAttribute("y", box.y + 13);
		box.group.append(box.text);
	}
	if (!box.text) return;
	box.text.setAttribute("x", box.x + PADDING);
	box.text.textContent = shown;
}

function place(box, above) {
	const parent = box.parent;
	if (above.has(box) || box === view.zoom) {
		box.x = MARGIN;
		box.width = svg.getBoundingClientRect().width - 2 * MARGIN;
	} else if (parent && parent.shown && !above.has(parent)) {
		box.x = parent.next;
		box.width = parent.count ? parent.width * box.count / parent.count : 0;
		parent.next += box.width;
	} else {
		box.shown = false;
		return;
	}
	box.next = box.x;
	box.shown = box.width >= NARROWEST;
}

function draw() {
	const above = new Set();
	for (let box = view.zoom.parent; box; box = box.parent) above.add(box);
	for (const box of boxes) {
		place(box, above);
		box.group.style.display = box.shown ? "" : "none";
		if (!box.shown) continue;
		box.rect.setAttribute("x", box.x);
		box.rect.setAttribute("width", box.width > 2 ? box.width - 0.5 : box.width);
		box.group.classList.toggle("above", above.has(box));
		label(box);
	}
	buttons.reset.style.display = view.zoom === root && !view.search ? "none" : "";
	const right = svg.getBoundingClientRect().width - MARGIN;
	buttons.search.setAttribute("x", right);
	buttons.reset.setAttribute("x", right - 95);
	buttons.found.setAttribute("x", right - 175);
}

function zoom(box) {
	view.zoom = box.merged ? box.parent : box;
	draw();
}

function search(text) {
	const wanted = text.trim().toLowerCase(), matches = new Set();
	let count = 0;
	view.search = wanted;
	for (const box of boxes) {
		const matching = wanted !== "" && box !== root && !box.merged && box.name.toLowerCase().includes(wanted);
		box.group.classList.toggle("match", matching);
		if (matching && !isIn(box.parent, matches)) count += box.count;
		if (matching || isIn(box.parent, matches)) matches.add(box);
	}
	svg.classList.toggle("searching", wanted !== "");
	const rounded = root.count ? (100 * count / root.count).toFixed(1) : "0";
	const share = count > 0 && rounded === "0.0" ? "<0.1" : count < root.count && rounded === "100.0" ? ">99.9" : rounded;
	buttons.found.textContent = wanted ? `${count.toLocaleString("en-US")} (${share} %) match` : "";
	draw();
}

function ask() {
	const text = prompt("Search functions", view.search);
	if (text !== null) search(text);
}

function reset() {
	view.zoom = root;
	search("");
}

function button(name, text, act) {
	const made = buttons[name] = document.createElementNS(svg.namespaceURI, "text");
	made.setAttribute("class", act ? "button" : "found");
	made.setAttribute("id", name);
	made.setAttribute("y", 20);
	made.textContent = text;
	if (act) made.addEventListener("click", act);
	svg.append(made);
}

button("search", "Search (/)", ask);
button("reset", "Show all", reset);
button("found", "", null);
for (const box of boxes) box.group.addEventListener("click", () => zoom(box));
addEventListener("resize", draw);
addEventListener("keydown", (event) => {
	if (event.key === "Escape") reset();
	if (event.key !== "/") return;
	event.preventDefault();
	ask();
});
svg.classList.add("live");
svg.setAttribute("width", "100%");
svg.removeAttribute("viewBox");
draw();
})();
