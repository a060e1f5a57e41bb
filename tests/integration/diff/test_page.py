# SPDX-License-Identifier: BSD-3-Clause
"""gostackdump diff -f html, in a headless Chromium."""

import json
import re

from browser import Browser
from leaker import LeakerTestCase
from support import main, run

HOSTILE = '</script><script>document.title="taken"</script><img src=x onerror=\'document.title="taken"\'>'


def capture(path, count, hour, function="main.leak"):
    frames = [{"function": "runtime.gopark", "file": "/go/src/runtime/proc.go", "line": 1},
              {"function": function, "file": "/srv/" + HOSTILE + "/shop.go", "line": 7}]
    things = [{"type": "capture", "schema": 1, "pid": 7, "exe": HOSTILE, "go_version": HOSTILE, "goroutines": count,
               "time": "2025-01-31T%02d:00:00Z" % hour}]
    things += [{"type": "goroutine", "goid": goid, "state": HOSTILE, "wait_ns": 7200 * 10**9, "frames": frames,
                "creator": {"function": HOSTILE}} for goid in range(1, count + 1)]
    path.write_text("".join(json.dumps(thing) + "\n" for thing in things))
    return path


class Page(LeakerTestCase):
    def setUp(self):
        super().setUp()
        self.browser = Browser()
        self.addCleanup(self.browser.close)

    def show(self, *paths):
        page = self.directory / "page.html"
        self.assert_status(0, run("diff", "-o", page, *paths))
        self.assertEqual(0o600, page.stat().st_mode & 0o777)
        self.browser.open(page)
        self.assertEqual([f"file://{page}"], self.browser.requests())
        self.assertEqual([], self.browser.complaints())
        return self.browser.run("document.body.innerText")

    def test_a_pair(self):
        text = self.show(capture(self.directory / "old.jsonl", 10, 12), capture(self.directory / "new.jsonl", 1250, 13))
        self.assertIn("10 → 1,250 goroutines +1,240", text)
        self.assertIn("main.leak", text)
        self.assertIn("Where they were: 10 goroutines", text)
        self.assertIn("up to 2 hours", text)
        self.assertEqual(0, self.browser.run("document.querySelectorAll('svg').length"))

    def test_what_captures_say_is_text(self):
        text = self.show(capture(self.directory / "old.jsonl", 1, 12, "main." + HOSTILE), capture(self.directory / "new.jsonl", 9, 13, "main." + HOSTILE))
        self.assertEqual("gostackdump diff", self.browser.run("document.title"))
        self.assertEqual(0, self.browser.run("document.querySelectorAll('img').length"))
        self.assertEqual(2, self.browser.run("document.querySelectorAll('script').length"))
        self.assertIn(HOSTILE, text)

    def test_a_series_is_drawn(self):
        counts = [2, 5, 9, 9, 20]
        for hour, count in enumerate(counts):
            capture(self.directory / ("20250131T%02d0000.000000Z.shop.7.jsonl" % hour), count, hour)
        text = self.show(self.directory)
        self.assertIn("shop 7", text)
        self.assertIn("5 snapshots in 4 hours", text)
        paths = self.browser.run("[...document.querySelectorAll('svg .line')].map((line) => line.getAttribute('d'))")
        self.assertEqual(2, len(paths))  # all goroutines, and the suspect: the same here
        for path in paths:
            points = [tuple(map(float, point.split())) for point in re.split("[ML]", path)[1:]]
            self.assertEqual([0, 250, 500, 750, 1000], [x for x, _ in points])
            self.assertEqual([round(100 - count * 5, 6) for count in counts], [round(y, 6) for _, y in points])

    def test_search_and_runtime_frames(self):
        for hour, count in enumerate((1, 2)):
            path = capture(self.directory / ("%d.jsonl" % hour), count, hour)
        text = self.show(self.directory / "0.jsonl", path)
        self.assertNotIn("runtime.gopark", text)
        self.browser.run("document.getElementById('runtime').click()")
        self.assertIn("runtime.gopark", self.browser.run("document.body.innerText"))
        self.browser.run("document.getElementById('search').focus()")
        self.browser.type("nothing has that name")
        self.assertEqual("0 found", self.browser.run("document.getElementById('found').textContent"))
        self.assertNotIn("main.leak", self.browser.run("document.body.innerText"))


if __name__ == "__main__":
    main()
