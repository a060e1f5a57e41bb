/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The page of the html format: a flame graph of all goroutines, and a table of their groups. Every string of the data may
 * come from a program that wants no good: it is only ever given to textContent and setAttribute("aria-label").
 */
(() => {
"use strict";

const ROW = 20;          // pixels from one level to the next
const NARROWEST = 3;     // pixels: what is narrower is drawn as part of a hatched box
const ROWS_AT_ONCE = 300;
const HUES = [212, 28, 140, 276, 52, 340, 178, 96, 244, 8, 308, 70];

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const number = (n) => n.toLocaleString("en-US");
function percent(part, whole) {
	if (part === whole) return whole === 0 ? "0 %" : "100 %";
	const share = (100 * part / whole).toFixed(1);
	return (part > 0 && share === "0.0" ? "<0.1" : share === "100.0" ? ">99.9" : share) + " %";
}
const noun = data.noun; // what is counted: "goroutine", or "thread"
const plural = (n) => number(n) + " " + noun + (n === 1 ? "" : "s");

function element(tag, text, className) {
	const made = document.createElement(tag);
	if (text !== undefined) made.textContent = text;
	if (className) made.className = className;
	return made;
}

// ---- names ----

// "example.org/a/b.(*T).Method[...]": a path may have dots, but not behind its last slash; type arguments have both.
function split(name) {
	const bracket = name.indexOf("[");
	const head = bracket < 0 ? name : name.slice(0, bracket);
	const slash = head.lastIndexOf("/");
	const dot = head.indexOf(".", slash + 1);
	return {path: dot < 0 ? "" : head.slice(0, dot), short: name.slice(slash + 1)};
}

function hueOf(path) {
	let hash = 2166136261;
	for (let i = 0; i < path.length; i++) hash = Math.imul(hash ^ path.charCodeAt(i), 16777619);
	return (hash >>> 0) % 360;
}

const isRuntime = (path) => path === "" || path === "runtime" || path === "gostackdump" || /^(runtime|internal)\//.test(path);
const colour = (hue) => hue === null ? "var(--grey)" : `hsl(${hue} var(--saturation) var(--lightness))`;
const packages = new Map();
function packageColour(path) {
	if (!packages.has(path)) packages.set(path, colour(isRuntime(path) ? null : hueOf(path)));
	return packages.get(path);
}

// The commonest states have the colours that are told apart best; all that come after the first dozen are duller.
function stateColour(state) {
	const rank = stateRanks[state], hue = HUES[rank % HUES.length];
	return rank < HUES.length ? colour(hue) : `hsl(${hue + 15} calc(var(--saturation) * .5) calc(var(--lightness) * .86))`;
}

function duration(ns) {
	if (ns === null) return "";
	const seconds = Math.floor(ns / 1e9);
	if (seconds < 60) return seconds + " s";
	if (seconds < 3600) return Math.floor(seconds / 60) + " min";
	if (seconds < 86400) return Math.floor(seconds / 3600) + " h";
	return Math.floor(seconds / 86400) + " d";
}

// ---- the data ----

const frames = data.frames.map(([name, file, line]) => ({name, file, line, ...split(name)}));
const groups = data.groups.map((group, index) => {
	const start = group.start && {name: group.start[0], file: group.start[1], line: group.start[2], ...split(group.start[0])};
	const stack = start ? [start] : data.stacks[group.stack].map((frame) => frames[frame]); // outermost first
	const inner = stack.slice().reverse();
	// What the runtime gives to other packages ("sync.runtime_Semacquire") says as little as what it has itself.
	const top = inner.find((frame) => !isRuntime(frame.path) && !frame.name.includes(".runtime_")) || inner[0];
	return {...group, index, stack, top, path: []};
});
const total = groups.reduce((sum, group) => sum + group.count, 0);
const stateTotals = data.states.map((_, state) => groups.reduce((sum, group) => sum + (group.state === state ? group.count : 0), 0));

const statesByTotal = data.states.map((_, state) => state).sort((a, b) => stateTotals[b] - stateTotals[a]);
const stateRanks = data.states.map((_, state) => statesByTotal.indexOf(state));

const view = {byState: false, state: null, search: "", zoom: null, selected: null, sort: "count", shown: ROWS_AT_ONCE, focus: null};
let root = null;

function makeNode(frame, parent) {
	return {frame, parent, children: new Map(), total: 0, states: new Map(), depth: parent ? parent.depth + 1 : 0, matches: false, box: null};
}

function addTo(node, group) {
	node.total += group.count;
	node.states.set(group.state, (node.states.get(group.state) || 0) + group.count);
}

function grow() {
	root = makeNode({name: `all ${noun}s`, short: `all ${noun}s`, path: "", file: "", line: 0}, null);
	for (const group of groups) {
		group.path = [];
		if (view.state !== null && group.state !== view.state) continue;
		let node = root;
		addTo(node, group);
		for (const frame of group.stack) {
			let child = node.children.get(frame.name);
			if (!child) node.children.set(frame.name, child = makeNode(frame, node));
			addTo(node = child, group);
			group.path.push(node);
		}
	}
	view.zoom = root;
	view.focus = root;
	mark();
}

function mark() {
	const wanted = view.search;
	const visit = [root];
	while (visit.length) {
		const node = visit.pop();
		node.matches = wanted !== "" && node !== root && node.frame.name.toLowerCase().includes(wanted);
		for (const child of node.children.values()) visit.push(child);
	}
}

const ordered = (node) => [...node.children.values()].sort((a, b) => b.total - a.total || (a.frame.name < b.frame.name ? -1 : 1));
const visible = (group) => (view.state === null || group.state === view.state) && (view.search === "" || group.path.some((node) => node.matches)) &&
	(view.zoom === root || group.path.includes(view.zoom));

// ---- the graph ----

function background(node) {
	if (node === root) return "var(--grey)";
	if (!view.byState) return packageColour(node.frame.path);
	const states = [...node.states].sort((a, b) => a[0] - b[0]);
	let from = 0;
	const stops = states.map(([state, count]) => {
		const to = from + 100 * count / node.total;
		const stop = `${stateColour(state)} ${from}% ${to}%`;
		from = to;
		return stop;
	});
	return stops.length === 1 ? stateColour(states[0][0]) : `linear-gradient(to right, ${stops.join(", ")})`;
}

function addBox(node, left, width, above) {
	const box = element("div", node.frame.short, "frame");
	box.style.left = left + "px";
	box.style.top = node.depth * ROW + "px";
	box.style.width = Math.max(width - 1, 1) + "px";
	box.style.background = background(node);
	box.setAttribute("role", "treeitem");
	box.setAttribute("aria-level", node.depth + 1);
	box.setAttribute("aria-label", `${node.frame.name}, ${plural(node.total)}, ${percent(node.total, root.total)}`);
	box.tabIndex = node === view.focus ? 0 : -1;
	box.classList.toggle("narrow", width < 24);
	if (width < 24) box.textContent = "";
	box.classList.toggle("above", above && node !== view.zoom);
	box.classList.toggle("match", node.matches);
	box.classList.toggle("dim", view.search !== "" && !node.matches);
	if (view.selected) box.classList.toggle(view.selected.path.includes(node) ? "selected" : "dim", node !== root);
	box.node = node;
	node.box = box;
	drawn.push(node);
	return box;
}

let drawn = [];
function draw() {
	for (const node of drawn) node.box = null;
	drawn = [];
	const all = document.createDocumentFragment();
	const width = Math.max($("frames").clientWidth, 100);
	for (let node = view.zoom; node; node = node.parent) all.prepend(addBox(node, 0, width, true));
	const visit = [[view.zoom, 0, width]];
	while (visit.length) {
		const [node, left, space] = visit.pop();
		let x = left, rest = 0;
		for (const child of ordered(node)) {
			const share = space * child.total / node.total;
			if (share < NARROWEST) {
				rest += share;
				continue;
			}
			all.append(addBox(child, x, share, false));
			visit.push([child, x, share]);
			x += share;
		}
		if (rest >= 1) {
			const hatched = element("div", undefined, "rest");
			hatched.style.left = x + "px";
			hatched.style.top = (node.depth + 1) * ROW + "px";
			hatched.style.width = Math.max(rest - 1, 1) + "px";
			hatched.node = node;
			all.append(hatched);
		}
	}
	if (!view.focus.box) {
		view.focus = view.zoom;
		view.focus.box.tabIndex = 0;
	}
	const focused = $("frames").contains(document.activeElement);
	$("frames").replaceChildren(all);
	if (focused) view.focus.box.focus({preventScroll: true});
	$("reset").disabled = view.zoom === root && view.search === "" && view.state === null && !view.selected;
}

function zoom(node) {
	view.zoom = node;
	view.shown = ROWS_AT_ONCE;
	draw();
	list();
}

function focus(node) {
	if (!node || !node.box) return;
	if (view.focus.box) view.focus.box.tabIndex = -1;
	view.focus = node;
	node.box.tabIndex = 0;
	node.box.focus();
	showTip(node, node.box.getBoundingClientRect());
}

function sibling(node, step) {
	if (!node.parent || (node.depth <= view.zoom.depth)) return null;
	const row = ordered(node.parent);
	return row[row.indexOf(node) + step];
}

function onFrameKey(event) {
	const node = event.target.node;
	if (!node) return;
	const moves = {
		ArrowUp: () => node.parent,
		ArrowDown: () => ordered(node).find((child) => child.box),
		ArrowLeft: () => sibling(node, -1),
		ArrowRight: () => sibling(node, 1),
	};
	if (event.key === "Enter" || event.key === " ") {
		view.focus = node;
		zoom(node);
		focus(node);
	} else if (moves[event.key]) {
		focus(moves[event.key]());
	} else {
		return;
	}
	event.preventDefault();
}

// ---- what is under the pointer ----

function showTip(node, place) {
	const tip = $("tip");
	const lines = [`${plural(node.total)}, ${percent(node.total, root.total)} of ${number(root.total)}`];
	if (view.zoom !== root && node.depth > view.zoom.depth) lines.push(`${percent(node.total, view.zoom.total)} of what is zoomed`);
	const states = [...node.states].sort((a, b) => b[1] - a[1]);
	lines.push(states.slice(0, 4).map(([state, count]) => `${data.states[state]} ${number(count)}`).join(", ") + (states.length > 4 ? ", …" : ""));
	if (node.frame.file) lines.push(node.frame.file + (node.frame.line ? ":" + node.frame.line : ""));
	tip.replaceChildren(element("strong", node.frame.name), ...lines.map((line) => element("span", line)));
	tip.hidden = false;
	const x = Math.min(place.left + 8, innerWidth - tip.offsetWidth - 8);
	const below = place.bottom + 8;
	tip.style.left = Math.max(x, 8) + "px";
	tip.style.top = (below + tip.offsetHeight < innerHeight ? below : Math.max(place.top - tip.offsetHeight - 8, 8)) + "px";
}

function onMove(event) {
	const box = event.target.closest(".frame");
	if (!box) {
		$("tip").hidden = true;
		return;
	}
	showTip(box.node, {left: event.clientX, top: event.clientY, bottom: event.clientY + 8});
}

// ---- the table ----

const orders = {
	count: (a, b) => b.count - a.count,
	state: (a, b) => data.states[a.state].localeCompare(data.states[b.state]) || b.count - a.count,
	wait: (a, b) => (b.wait ?? -1) - (a.wait ?? -1),
	top: (a, b) => (a.top.name < b.top.name ? -1 : a.top.name > b.top.name ? 1 : b.count - a.count),
};

function row(group) {
	const made = element("tr");
	const count = element("td", number(group.count));
	count.append(element("small", percent(group.count, total)));
	const stack = element("td");
	stack.append(element("code", group.top.short));
	if (group.creator) stack.append(element("span", "by " + split(group.creator[0]).short + (group.several ? " and others" : ""), "creator"));
	made.append(count, element("td", data.states[group.state]), element("td", duration(group.wait)), stack);
	made.tabIndex = 0;
	made.setAttribute("aria-selected", view.selected === group);
	made.group = group;
	return made;
}

function list() {
	const wanted = groups.filter(visible).sort((a, b) => orders[view.sort](a, b) || a.index - b.index);
	$("groups").replaceChildren(...wanted.slice(0, view.shown).map(row));
	$("none").hidden = wanted.length > 0;
	$("none").textContent = `No ${noun} matches.`;
	$("more").hidden = wanted.length <= view.shown;
	$("more").textContent = `${number(wanted.length - view.shown)} more groups`;
	for (const button of document.querySelectorAll("th button")) {
		if (button.dataset.sort === view.sort) button.parentNode.setAttribute("aria-sort", view.sort === "count" || view.sort === "wait" ? "descending" : "ascending");
		else button.parentNode.removeAttribute("aria-sort");
	}
	const count = wanted.reduce((sum, group) => sum + group.count, 0);
	if (view.search !== "") $("found").textContent = `${number(count)} of ${plural(total)} (${percent(count, total)}) match`;
	else if (count !== total) $("found").textContent = `${number(count)} of ${plural(total)} (${percent(count, total)})`;
	else $("found").textContent = "";
}

function frameItem(frame) {
	const item = element("li");
	item.append(element("code", frame.name));
	if (frame.file) item.append(element("span", frame.file + (frame.line ? ":" + frame.line : ""), "file"));
	return item;
}

function details() {
	const panel = $("details"), group = view.selected;
	panel.hidden = !group;
	if (!group) return;
	const close = element("button", "×", "close");
	close.type = "button";
	close.setAttribute("aria-label", "Close");
	close.addEventListener("click", () => select(null));
	const age = group.wait === null ? "" : `, waiting for up to ${duration(group.wait)}`;
	const state = data.states[group.state] === noun ? "" : `: ${data.states[group.state]}${age}`;
	const head = element("h2", plural(group.count) + state);
	const stack = element("ol");
	stack.append(...group.stack.slice().reverse().map(frameItem));
	if (group.creator) {
		const item = frameItem({name: "created by " + group.creator[0], file: group.creator[1], line: group.creator[2]});
		if (group.several) item.append(element("span", "and by others", "file"));
		stack.append(item);
	}
	if (group.start) stack.append(element("li", "has not run yet", "file"));
	panel.replaceChildren(close, head, ...group.labels.map(([key, value]) => element("span", `${key}=${value}`, "label")),
		element("div", `${noun} ${group.goid}${group.count === 1 ? "" : " and others"}`, "number"), stack);
	panel.scrollTop = 0;
}

// The graph goes where the group's stack is wide enough to be read, and no closer.
function select(group) {
	view.selected = group;
	if (group) {
		let place = root;
		for (const node of group.path) {
			if (group.count / place.total < 0.15) place = node;
		}
		view.zoom = place;
	}
	details();
	draw();
	list();
	const leaf = group && group.path.findLast((node) => node.box);
	if (leaf) $("frames").scrollTop = Math.max(0, leaf.depth * ROW - $("frames").clientHeight / 2);
}

// ---- what is above both ----

function chips() {
	$("states").replaceChildren(...statesByTotal.map((state) => {
		const button = element("button");
		const swatch = element("span", undefined, "swatch");
		swatch.style.background = stateColour(state);
		button.type = "button";
		button.append(swatch, element("span", data.states[state]), element("span", number(stateTotals[state]), "number"));
		button.setAttribute("aria-pressed", view.state === state);
		button.addEventListener("click", () => only(view.state === state ? null : state));
		return button;
	}));
}

function only(state) {
	view.state = state;
	view.selected = null;
	grow();
	details();
	chips();
	draw();
	list();
}

function colourBy(state) {
	view.byState = state;
	$("by-state").setAttribute("aria-pressed", state);
	$("by-package").setAttribute("aria-pressed", !state);
	draw();
}

function search(text) {
	view.search = text.trim().toLowerCase();
	view.shown = ROWS_AT_ONCE;
	mark();
	draw();
	list();
}

function reset() {
	$("search").value = "";
	$("tip").hidden = true;
	view.search = "";
	view.shown = ROWS_AT_ONCE;
	only(null);
}

function nextTheme() {
	const themes = ["auto", "light", "dark"];
	const theme = themes[(themes.indexOf(document.documentElement.dataset.theme || "auto") + 1) % 3];
	if (theme === "auto") delete document.documentElement.dataset.theme;
	else document.documentElement.dataset.theme = theme;
	$("theme").textContent = "Theme: " + theme;
}

function onKey(event) {
	const typing = event.target === $("search");
	if (event.key === "/" && !typing) {
		$("search").focus();
		event.preventDefault();
	} else if (event.key === "Escape") {
		reset();
	}
}

function onRow(event) {
	const line = event.target.closest("tr");
	if (line && line.group) select(view.selected === line.group ? null : line.group);
}

function facts() {
	const name = data.exe.slice(data.exe.lastIndexOf("/") + 1) || `${noun}s`;
	const selection = data.selection;
	const count = selection ? `${number(total)} of ${plural(selection.of)}` : plural(total);
	const words = [count, `pid ${data.pid}`, data.go, (data.time || "").replace(/T(.*)\..*/, " $1 UTC")];
	if (data.unreadable) words.push(`${number(data.unreadable)} unreadable`);
	if (data.ambiguous) words.push(`${number(data.ambiguous)} not settled`);
	if (selection && selection.filter !== null) words.push("filter: " + selection.filter);
	if (selection && selection.limit !== null) words.push(`a sample of at most ${number(selection.limit)}, seed ${selection.seed}`);
	document.title = `${name}: ${plural(total)}`;
	$("program").textContent = name;
	$("program").title = data.exe;
	$("facts").textContent = words.join(" · ");
}

function start() {
	facts();
	grow();
	chips();
	draw();
	list();
	$("frames").addEventListener("click", (event) => event.target.node && zoom(event.target.node));
	$("frames").addEventListener("keydown", onFrameKey);
	$("frames").addEventListener("mousemove", onMove);
	$("frames").addEventListener("mouseleave", () => { $("tip").hidden = true; });
	$("frames").addEventListener("focusout", () => { $("tip").hidden = true; });
	$("groups").addEventListener("click", onRow);
	$("groups").addEventListener("keydown", (event) => event.key === "Enter" && onRow(event));
	$("search").addEventListener("input", (event) => search(event.target.value));
	$("by-state").addEventListener("click", () => colourBy(true));
	$("by-package").addEventListener("click", () => colourBy(false));
	$("reset").addEventListener("click", reset);
	$("theme").addEventListener("click", nextTheme);
	$("more").addEventListener("click", () => { view.shown += ROWS_AT_ONCE; list(); });
	for (const button of document.querySelectorAll("th button")) {
		button.addEventListener("click", () => { view.sort = button.dataset.sort; list(); });
	}
	document.addEventListener("keydown", onKey);
	new ResizeObserver(draw).observe($("frames"));
}

start();
})();
