# SPDX-License-Identifier: BSD-3-Clause
"""`-f svg`: what expat reads in it is what folded says of the same capture; then in Chromium, as a page and as an image."""

import collections
import os
import re
import shutil
import xml.etree.ElementTree as ElementTree

from browser import Browser
from captures import ParityTestCase, TestCase, dump, main, server
from support import sample_server

DRAWN = 250  # levels
SVG = "{http://www.w3.org/2000/svg}"
TITLE = re.compile(r"(.*)\n([\d,]+) goroutines?, [<>]?([\d.]+) %", re.DOTALL)
BOX = """(name => { const box = [...document.querySelectorAll('.box')].find(one => one.firstChild.textContent.startsWith(name + '\\n'));
    const place = box.querySelector('rect').getBoundingClientRect();
    return {x: place.left + place.width / 2, y: place.top + place.height / 2, width: place.width, shown: box.style.display !== 'none',
            label: box.querySelector('text')?.textContent ?? ''}; })"""


class Box:
    def __init__(self, element):
        rect = element.find(SVG + "rect")
        self.name, count, self.percent = TITLE.fullmatch(element.find(SVG + "title").text).groups()
        self.count = int(count.replace(",", ""))
        self.left, self.top, self.width = (float(rect.get(key)) for key in ("x", "y", "width"))
        self.label, self.fill = element.findtext(SVG + "text", ""), rect.get("fill")
        self.rest = "rest" in element.get("class").split()
        self.children = []

    def holds(self, other):
        return self.left - 0.02 <= other.left and other.left + other.width <= self.left + self.width + 0.52


def read(path):
    """The box of all goroutines. Where a box stands says who called it, and nothing else does."""
    rows = collections.defaultdict(list)
    for element in ElementTree.parse(path).getroot().iter(SVG + "g"):
        box = Box(element)
        rows[box.top].append(box)
    ordered = [rows[top] for top in sorted(rows)]
    for above, below in zip(ordered, ordered[1:]):
        for box in below:
            holders = [one for one in above if one.holds(box)]
            assert len(holders) == 1, (box.name, [one.name for one in holders])
            holders[0].children.append(box)
    assert len(ordered[0]) == 1
    return ordered[0][0]


def walk(root):
    """Every box below, with the names from the outermost function to its own."""
    todo = [((), root)]
    while todo:
        path, box = todo.pop()
        for child in box.children:
            todo.append((path + (child.name,), child))
            yield todo[-1]


class Picture(ParityTestCase):
    def setUp(self):
        super().setUp()
        self.path, folded = self.directory / "a.svg", self.directory / "a.folded"
        self.header, self.goroutines = dump(self, self.fixture.pid, self.path, folded)
        self.stacks = [line.rsplit(" ", 1) for line in folded.read_text(encoding="utf-8").splitlines()]
        self.all = read(self.path)

    def test_every_box_has_the_goroutines_that_folded_has_below_it(self):
        expected, too_deep = collections.Counter(), 0
        for stack, count in self.stacks:
            functions = stack.split(";")
            for depth in range(min(len(functions), DRAWN - 1)):
                expected[tuple(functions[: depth + 1])] += int(count)
            too_deep += int(count) if len(functions) >= DRAWN else 0
        found = {tuple(name.replace(";", ":") for name in path): box.count for path, box in walk(self.all) if not box.rest}
        self.assertEqual(dict(expected), found)
        rest = [box for _, box in walk(self.all) if box.rest]
        self.assertGreater(too_deep, 0)
        self.assertEqual(too_deep, sum(box.count for box in rest))
        self.assertEqual({True}, {box.name.endswith(" not drawn, too deep") for box in rest})
        self.assertEqual(len(self.goroutines), self.all.count)

    def test_boxes_are_as_wide_as_their_share(self):
        for path, box in [((), self.all), *walk(self.all)]:
            self.assertAlmostEqual(1180 * box.count / self.all.count, box.width, delta=0.53, msg=path)
            self.assertAlmostEqual(100 * box.count / self.all.count, float(box.percent), delta=0.1001 if box.percent in ("0.1", "99.9") else 0.0501)
            self.assertGreaterEqual(box.count, sum(child.count for child in box.children), path)

    def test_labels_are_short_names_that_fit(self):
        labelled = [(box, box.label) for _, box in walk(self.all) if box.label]
        self.assertGreater(len(labelled), 50)
        for box, label in labelled:
            self.assertLessEqual(7.2 * len(label), box.width)
            head = re.match(r"[^\[(]*", box.name).group()
            short = box.name[head.rfind("/") + 1 :]
            self.assertTrue(short == label or short.startswith(label.rstrip("…")), (short, label))

    def test_a_package_has_one_colour(self):
        fills = collections.defaultdict(set)
        for _, box in walk(self.all):
            if box.rest:
                continue
            path = re.match(r"(?:[^\[(]*/)?[^.\[(]*", box.name).group()
            fills[path].add(box.fill)
        self.assertEqual({path: 1 for path in fills}, {path: len(found) for path, found in fills.items()})
        self.assertEqual({"#dfe2e6"}, fills["runtime"])
        self.assertNotEqual(fills["main"], fills["runtime"])

    def test_the_title_says_what_it_is_of(self):
        root = ElementTree.parse(self.path).getroot()
        texts = [text.find(SVG + "title").tail for text in root.findall(SVG + "text")]
        self.assertEqual("parity", texts[0])
        count, pid, version, time = texts[1].split(", ")
        self.assertEqual(f"{len(self.goroutines):,} goroutines", count)
        self.assertEqual((f"pid {self.fixture.pid}", self.header["go_version"]), (pid, version))
        self.assertEqual(self.header["time"][:19].replace("T", " ") + " UTC", time)


class Viewer(ParityTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Browser(1000, 800)
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        super().setUp()
        self.path = self.directory / "a.svg"
        _, self.goroutines = dump(self, self.fixture.pid, self.path)

    def tearDown(self):
        self.assertEqual([], self.browser.complaints())
        self.assertEqual(["file"], sorted({url.split(":")[0] for url in self.browser.requests()} - {"data"}))

    def box(self, name):
        return self.browser.run(f"{BOX}({name!r})")

    def test_a_click_zooms_and_escape_shows_all(self):
        self.browser.open(self.path)
        whole, box = self.box("all goroutines"), self.box("main.identical")
        width = self.browser.run("innerWidth")
        self.assertAlmostEqual(width - 20, whole["width"], delta=20)
        self.browser.click(box["x"], box["y"])
        zoomed = self.box("main.identical")
        self.assertAlmostEqual(whole["width"], zoomed["width"], delta=1)
        self.assertEqual("main.identical", zoomed["label"])
        self.assertTrue(self.box("all goroutines")["shown"])
        self.assertFalse(self.box("main.main")["shown"])
        self.browser.key("Escape")
        self.assertAlmostEqual(box["width"], self.box("main.identical")["width"], delta=0.1)
        self.assertTrue(self.box("main.main")["shown"])

    def test_a_search_counts_goroutines(self):
        self.browser.open(self.path)
        self.browser.run("prompt = () => 'MAIN.identical'")
        self.browser.run("document.getElementById('search').dispatchEvent(new Event('click'))")
        count = sum(any("main.identical" in frame["function"].lower() for frame in g["frames"]) for g in self.goroutines)
        share = "%.1f" % (100 * count / len(self.goroutines))
        self.assertEqual(f"{count} ({share} %) match", self.browser.run("document.getElementById('found').textContent"))
        matches = self.browser.run("[...document.querySelectorAll('.match')].map(box => box.firstChild.textContent.split('\\n')[0])")
        self.assertEqual({True}, {"main.identical" in name.lower() for name in matches})

    def test_it_is_an_image(self):
        page = self.directory / "page.html"
        page.write_text('<body style="margin: 0"><img src="a.svg" width="600">')
        self.browser.open(page)
        size = self.browser.run("[document.images[0].naturalWidth, document.images[0].naturalHeight > 100, document.images[0].complete]")
        self.assertEqual([1200, True, True], size)


class Hostile(TestCase):
    def test_a_path_that_is_markup_is_text(self):
        folder = self.directory / "<"
        folder.mkdir()
        program = folder / "title><script>document.title='owned'<!--<![CDATA[&amp;\x01\x1b]]>"
        shutil.copy(sample_server(), program)
        target = server(program)
        self.addCleanup(target.end)
        path = self.directory / "a.svg"
        dump(self, target.pid, path)
        root = ElementTree.parse(path).getroot()
        name = os.path.basename(program).replace("\x01", "\\x01").replace("\x1b", "\\x1b")
        self.assertEqual(name, root.find(SVG + "text").find(SVG + "title").tail)
        self.assertEqual(1, len(root.findall(f".//{SVG}script")))
        browser = Browser()
        self.addCleanup(browser.close)
        browser.open(path)
        self.assertEqual([1, 0], browser.run("[document.querySelectorAll('script').length, document.images.length]"))
        self.assertNotEqual("owned", browser.run("document.title"))
        self.assertEqual([], browser.complaints())


if __name__ == "__main__":
    main()
