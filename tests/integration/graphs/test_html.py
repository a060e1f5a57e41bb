# SPDX-License-Identifier: BSD-3-Clause
"""`-f html` in Chromium: what it shows is what jsonl says of the same capture, and it loads and runs nothing else."""

import os
import re
import shutil

from browser import Browser
from captures import ParityTestCase, TestCase, counted, dump, main, server
from support import sample_server

BOX = """(name => { const box = [...document.querySelectorAll('.frame')].find(one => one.getAttribute('aria-label').startsWith(name + ', '));
    if (!box) return null; const place = box.getBoundingClientRect();
    return {x: place.left + place.width / 2, y: place.top + place.height / 2, width: place.width, label: box.getAttribute('aria-label'),
            background: box.style.background, tab: box.tabIndex}; })"""
ROWS = """[...document.querySelectorAll('#groups tr')].map(row => [...row.cells].map(cell => cell.textContent))"""
FOUND = "document.getElementById('found').textContent"


class Page(ParityTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        super().setUp()
        path = self.directory / "page.html"
        _, self.goroutines = dump(self, self.fixture.pid, path)
        self.browser.open(path)

    def tearDown(self):
        self.assertEqual([], self.browser.complaints())
        self.assertEqual(["file"], sorted({url.split(":")[0] for url in self.browser.requests()} - {"data"}))

    def box(self, name):
        box = self.browser.run(f"{BOX}({name!r})")
        self.assertIsNotNone(box, name)
        return box

    def under(self, function):
        return sum(any(frame["function"] == function for frame in goroutine["frames"]) for goroutine in self.goroutines)

    def test_the_table_has_every_group_with_its_count(self):
        groups = counted(self.goroutines, lambda goroutine: (goroutine["state"], str([(f["pc"], f["function"]) for f in goroutine["frames"]])))
        rows = self.browser.run(ROWS)
        self.assertEqual(min(300, len(groups)), len(rows))
        counts = sorted(groups.values(), reverse=True)[:300]
        self.assertEqual([f"{count}{self.share(count)}" for count in counts], [row[0] for row in rows])

    def share(self, count):
        return "%.1f %%" % (100 * count / len(self.goroutines))

    def test_what_is_there_is_never_0_percent_nor_a_part_100(self):
        page = (self.directory / "page.html").read_text(encoding="utf-8")
        percent = re.search(r"^function percent\(.*?^}$", page, re.DOTALL | re.MULTILINE).group()
        shares = {(0, 7): "0.0 %", (3, 16384): "<0.1 %", (1, 1000): "0.1 %", (999, 1000): "99.9 %", (16383, 16384): ">99.9 %",
                  (7, 7): "100 %", (0, 0): "0 %"}
        self.assertEqual(list(shares.values()), [self.browser.run(f"({percent}){pair}") for pair in shares])

    def test_a_box_is_as_wide_as_its_share_and_hover_says_its_count(self):
        whole, box = self.box("all goroutines"), self.box("main.identical")
        count = self.under("main.identical")
        self.assertAlmostEqual(count / len(self.goroutines), box["width"] / whole["width"], delta=0.005)
        self.browser.mouse("mouseMoved", box["x"], box["y"])
        tip = self.browser.run("document.getElementById('tip').innerText")
        self.assertIn("main.identical", tip)
        self.assertIn(f"{count} goroutines, {self.share(count)} of {len(self.goroutines)}", tip)

    def test_a_click_zooms_and_escape_shows_all(self):
        whole, box = self.box("all goroutines"), self.box("main.identical")
        self.browser.click(box["x"], box["y"])
        self.assertAlmostEqual(whole["width"], self.box("main.identical")["width"], delta=1)
        self.assertTrue(self.browser.run(FOUND).startswith(f"{self.under('main.identical')} of"))
        self.browser.key("Escape")
        self.assertAlmostEqual(box["width"], self.box("main.identical")["width"], delta=1)
        self.assertEqual("", self.browser.run(FOUND))

    def test_keys_move_and_zoom(self):
        self.browser.run("document.querySelector('.frame').focus()")
        self.browser.key("ArrowDown")
        first = self.browser.run("document.activeElement.getAttribute('aria-label')")
        self.browser.key("ArrowRight")
        second = self.browser.run("document.activeElement.getAttribute('aria-label')")
        self.assertNotEqual(first, second)
        self.browser.key("ArrowLeft")
        self.browser.key("Enter")
        self.assertEqual(first, self.browser.run("document.activeElement.getAttribute('aria-label')"))
        self.assertFalse(self.browser.run("document.getElementById('reset').disabled"))
        self.browser.key("ArrowUp")
        self.assertTrue(self.browser.run("document.activeElement.getAttribute('aria-label')").startswith("all goroutines, "))

    def test_a_search_counts_goroutines(self):
        self.browser.run("document.getElementById('search').focus()")
        self.browser.type("MAIN.LABELHERE")
        count = sum(any("main.labelhere" in frame["function"].lower() for frame in g["frames"]) for g in self.goroutines)
        self.assertGreater(count, 0)
        share = self.share(count)
        self.assertEqual(f"{count} of {len(self.goroutines)} goroutines ({share}) match", self.browser.run(FOUND))
        self.assertGreater(self.browser.run("document.querySelectorAll('.frame.match').length"), 0)
        self.browser.run("document.getElementById('search').select()")
        self.browser.type("no such function")
        self.assertTrue(self.browser.run(FOUND).startswith("0 of "))
        self.assertEqual([], self.browser.run(ROWS))

    def test_colours_switch_between_packages_and_states(self):
        by_package = self.box("main.identical")["background"]
        self.browser.run("document.getElementById('by-state').click()")
        self.assertNotEqual(by_package, self.box("main.identical")["background"])
        self.assertEqual("true", self.browser.run("document.getElementById('by-state').getAttribute('aria-pressed')"))
        self.browser.run("document.getElementById('by-package').click()")
        self.assertEqual(by_package, self.box("main.identical")["background"])

    def test_a_state_alone_has_its_goroutines(self):
        counts = counted(self.goroutines, lambda goroutine: goroutine["state"])
        self.browser.run("[...document.querySelectorAll('#states button')].find(one => one.textContent.startsWith('IO wait')).click()")
        self.assertTrue(self.browser.run(FOUND).startswith(f"{counts['IO wait']} of"))
        self.assertIn(f"all goroutines, {counts['IO wait']} goroutines", self.box("all goroutines")["label"])

    def test_a_group_shows_its_stack_in_the_graph(self):
        self.browser.run("document.querySelector('#groups tr').click()")
        stack = self.browser.run("[...document.querySelectorAll('#details li code')].map(code => code.textContent)")
        biggest = [g for g in self.goroutines if any(f["function"] == "main.identical" for f in g["frames"])][0]
        functions = [frame["function"] for frame in biggest["frames"]]
        self.assertEqual(functions, stack[: len(functions)])
        selected = self.browser.run("[...document.querySelectorAll('.frame.selected')].map(box => box.getAttribute('aria-label').split(',')[0])")
        self.assertEqual(set(functions), set(selected))


class Hostile(TestCase):
    def test_a_path_that_is_markup_is_text(self):
        folder = self.directory / "<"
        folder.mkdir()
        program = folder / "script><script>document.title='owned'<!--<img src=x onerror=document.title='owned'>"
        shutil.copy(sample_server(), program)
        target = server(program)
        self.addCleanup(target.end)
        path = self.directory / "page.html"
        dump(self, target.pid, path)
        browser = Browser()
        self.addCleanup(browser.close)
        browser.open(path)
        self.assertEqual(os.path.basename(program), browser.run("document.getElementById('program').textContent"))
        self.assertNotEqual("owned", browser.run("document.title"))
        self.assertEqual([2, 0], browser.run("[document.scripts.length, document.images.length]"))
        self.assertEqual([], browser.complaints())

    def test_the_policy_lets_no_other_script_run(self):
        target = server()
        self.addCleanup(target.end)
        path = self.directory / "page.html"
        dump(self, target.pid, path)
        text = path.read_text(encoding="utf-8")
        self.assertEqual([], re.findall(r"https?:", text.split('<script id="data"')[0] + text.split("</script>")[1]))
        path.write_text(text.replace("</body>", "<script>document.title = 'owned'</script></body>"))
        browser = Browser()
        self.addCleanup(browser.close)
        browser.open(path)
        self.assertNotEqual("owned", browser.run("document.title"))
        self.assertNotEqual([], browser.complaints())


if __name__ == "__main__":
    main()
