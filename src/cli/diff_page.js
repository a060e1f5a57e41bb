// SPDX-License-Identifier: BSD-3-Clause
// Makes the page of its data. Whatever the captures say becomes text, never markup.
"use strict";
(() => {
	const data = JSON.parse(document.getElementById("data").textContent);
	const tip = document.getElementById("tip");
	const number = new Intl.NumberFormat("en-US");
	const svgNames = "http://www.w3.org/2000/svg";
	let runtimeFrames = false;

	function make(name, properties = {}, ...children) {
		const element = document.createElement(name);
		Object.assign(element, properties);
		element.append(...children.filter((child) => child !== null));
		return element;
	}

	function draw(name, attributes) {
		const element = document.createElementNS(svgNames, name);
		for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
		return element;
	}

	const signed = (change) => (change < 0 ? "\u2212" : "+") + number.format(Math.abs(change));
	const changeClass = (change) => (change > 0 ? "more" : change < 0 ? "less" : "soft");
	const goroutines = (count) => number.format(count) + (count === 1 ? " goroutine" : " goroutines");
	const time = (ms) => (ms ? new Date(ms).toISOString().replace("T", " ").replace(/(\.\d+)?Z$/, " UTC") : "");

	function duration(ms) {
		const units = [[864e5, "day", 2], [36e5, "hour", 2], [6e4, "minute", 2], [1e3, "second", 2], [1, "ms", 0]];
		const [size, name] = units.find(([size, , least]) => ms >= size * least);
		const count = Math.floor(ms / size);
		return number.format(count) + " " + name + (name === "ms" || count === 1 ? "" : "s");
	}

	// ---- plots

	// Values over time, or over their numbers when times are not known; from 0 on.
	function plot(series, values, size) {
		const width = 1000, height = 100, last = values.length - 1;
		const start = series.points[0].time, span = series.points[last].time - start;
		const most = Math.max(1, ...values);
		const x = (i) => (span > 0 ? (series.points[i].time - start) / span : i / last) * width;
		const y = (value) => height - (value / most) * height;
		const svg = draw("svg", {viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img"});
		let path = `M0 ${y(values[0])}`;
		for (let i = 1; i <= last; i++) path += `L${x(i)} ${y(values[i])}`;
		svg.setAttribute("aria-label", `from ${values[0]} to ${values[last]}, at most ${most}`);
		svg.append(
			draw("line", {class: "axis", x1: 0, x2: width, y1: height, y2: height}),
			draw("path", {class: "area", d: `${path}L${width} ${height}L0 ${height}Z`}),
			draw("path", {class: "line", d: path}),
		);
		const box = make("div", {className: "plot " + size}, svg);
		box.addEventListener("mousemove", (event) => {
			const bounds = box.getBoundingClientRect();
			const wanted = ((event.clientX - bounds.left) / bounds.width) * width;
			let nearest = 0;
			for (let i = 1; i <= last; i++) if (Math.abs(x(i) - wanted) < Math.abs(x(nearest) - wanted)) nearest = i;
			tip.textContent = `${number.format(values[nearest])}  ${time(series.points[nearest].time)}`;
			tip.hidden = false;
			tip.style.left = Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8) + "px";
			tip.style.top = event.clientY + 14 + "px";
		});
		box.addEventListener("mouseleave", () => { tip.hidden = true; });
		return make("div", {}, box, make("div", {className: "scale"}, make("span", {textContent: time(start)}),
			make("span", {textContent: "at most " + number.format(most)}), make("span", {textContent: time(series.points[last].time)})));
	}

	// ---- groups

	function stackList(stack, creator) {
		const list = make("ol");
		const frames = data.stacks[stack];
		const all = frames.every((frame) => data.frames[frame][3]);
		for (const index of frames) {
			const [name, file, line, folded] = data.frames[index];
			const item = make("li", {}, make("span", {textContent: name}),
				make("span", {className: "file", textContent: file ? `${file}:${line}` : ""}));
			if (folded && !all) item.dataset.folded = "";
			list.append(item);
		}
		if (frames.length === 0) list.append(make("li", {textContent: "(no frames)"}));
		if (creator !== null) list.append(make("li", {className: "creator", textContent: "created by " + creator}));
		return list;
	}

	function stateLine(thing, single) {
		let text = thing.state === null ? "" : thing.state;
		if (thing.wait >= 60000) text += (text ? ", " : "") + (single ? "for " : "up to ") + duration(thing.wait);
		return make("p", {className: "soft", textContent: text});
	}

	function groupRow(series, thing, title, lines) {
		const left = make("div", {className: "left"}, title, ...lines.map((line) => make("p", {textContent: line})), stateLine(thing, thing.now === 1));
		const right = make("div", {}, thing.counts && series.points.length > 2 ? plot(series, thing.counts, "small") : null, stackList(thing.stack, thing.creator));
		const row = make("div", {className: "group"}, left, right);
		row.dataset.names = data.stacks[thing.stack].map((frame) => data.frames[frame][0]).join("\n").toLowerCase();
		return row;
	}

	const changeTitle = (change) => make("p", {className: "change " + changeClass(change), textContent: signed(change)});

	function suspectRow(series, suspect) {
		const lines = [`${number.format(suspect.was)} \u2192 ${number.format(suspect.now)}`];
		lines.push(suspect.fallen === 0 ? "never fell" : `fell by ${number.format(suspect.fallen)} on the way`);
		return groupRow(series, suspect, changeTitle(suspect.now - suspect.was), lines);
	}

	function changedRow(series, group) {
		const word = group.was === 0 ? " (appeared)" : group.now === 0 ? " (vanished)" : "";
		return groupRow(series, group, changeTitle(group.now - group.was), [`${number.format(group.was)} \u2192 ${number.format(group.now)}${word}`]);
	}

	function stayRow(series, stay) {
		const ids = stay.goids.join(" ") + (stay.count > stay.goids.length ? " \u2026" : "");
		return groupRow(series, {...stay, now: stay.count}, make("p", {className: "change", textContent: number.format(stay.count)}), ["ids " + ids]);
	}

	function section(parent, title, rows, missing = 0) {
		if (rows.length === 0) return;
		parent.append(make("h2", {textContent: title}), ...rows);
		if (missing > 0) parent.append(make("p", {className: "soft", textContent: `and ${number.format(missing)} more`}));
	}

	// ---- series

	function seriesSection(series) {
		const box = make("section", {className: "series"});
		const last = series.points.length - 1;
		const title = series.comm === null ? "Two captures" : `${series.comm} ${series.pid}`;
		box.append(make("h1", {textContent: title}));
		if (series.comm === null)
			for (const [i, word] of [[0, "old"], [1, "new"]])
				box.append(make("p", {className: "soft", textContent: `${word}: ${series.points[i].path}`}));
		const facts = [series.exe, series.go, goroutinesOf(series)].filter(Boolean).join(", ");
		box.append(make("p", {className: "soft", textContent: facts}));
		if (last === 0) {
			box.append(make("p", {textContent: "One snapshot alone: there is nothing to compare it with."}));
			return box;
		}
		for (const doubt of series.doubts) box.append(make("p", {className: "doubt", textContent: doubt}));
		const change = series.now - series.was;
		box.append(make("p", {className: "total"}, `${number.format(series.was)} \u2192 ${goroutines(series.now)} `,
			make("span", {className: changeClass(change), textContent: change === 0 ? "" : signed(change)})));
		if (last > 1) box.append(plot(series, series.points.map((point) => point.goroutines), "big"));
		if (series.groups.length === 0) box.append(make("p", {textContent: "Nothing changed."}));
		if (last > 1) section(box, "Leak suspects", series.suspects.map((suspect) => suspectRow(series, suspect)));
		section(box, last > 1 ? "Other groups, first to last" : "Groups of identical stacks", series.groups.filter((group) => last === 1 || !group.suspect).map((group) => changedRow(series, group)), series.groupCount - series.groups.length);
		section(box, `Where they were: ${goroutines(series.stayed)}`, series.stays.map((stay) => stayRow(series, stay)), series.stayCount - series.stays.length);
		return box;
	}

	function goroutinesOf(series) {
		const last = series.points.length - 1;
		const span = series.points[last].time - series.points[0].time;
		const count = series.points.length === 2 && series.comm === null ? "" : number.format(series.points.length) + (last === 0 ? " snapshot" : " snapshots");
		return count + (span > 0 && series.points[0].time > 0 ? (count ? " in " : "") + duration(span) + (count ? "" : " between them") : "");
	}

	function showFrames() {
		for (const item of document.querySelectorAll("li[data-folded]")) item.hidden = !runtimeFrames;
	}

	function search() {
		const wanted = document.getElementById("search").value.trim().toLowerCase();
		let found = 0;
		for (const row of document.querySelectorAll(".group")) {
			row.hidden = wanted !== "" && !row.dataset.names.includes(wanted);
			found += row.hidden ? 0 : 1;
		}
		document.getElementById("found").textContent = wanted === "" ? "" : `${found} found`;
	}

	document.getElementById("series").append(...data.series.map(seriesSection));
	showFrames();
	document.getElementById("search").addEventListener("input", search);
	document.getElementById("runtime").addEventListener("click", (event) => {
		runtimeFrames = !runtimeFrames;
		event.currentTarget.setAttribute("aria-pressed", String(runtimeFrames));
		showFrames();
	});
	document.addEventListener("keydown", (event) => {
		if (event.key === "/" && document.activeElement.tagName !== "INPUT") {
			event.preventDefault();
			document.getElementById("search").focus();
		}
	});
})();
