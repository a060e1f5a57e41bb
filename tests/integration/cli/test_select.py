# SPDX-License-Identifier: BSD-3-Clause
"""--filter and --limit: which goroutines an output has. Looks at tools/sample-server."""

import gzip
import json
import re

from support import ServerTestCase, main, run

# Formats in which no function is called by its name.
WITHOUT_NAMES = {"raw"}
WORKER, NEWS = b"main.(*shop).orderWorker", b"main.(*shop).followNews"
# As they may stand in SVG, HTML or JSON.
OTHER_SPELLINGS = {b"&amp;": b"&", b"&#42;": b"*", b"\\u0026": b"&"}


def formats():
    """Every format that this program writes, as its message about an unknown one lists them."""
    err = run("-p", 1, "-f", "nonsense").err
    return re.search(r"formats: (.*)", err).group(1).split(", ")


class Selection(ServerTestCase):
    def dump(self, *arguments):
        result = run("-p", self.pid, *arguments)
        self.assert_status(0, result)
        return result

    def content(self, form, *arguments):
        out = self.dump("-f", form, *arguments).out
        out = gzip.decompress(out) if out.startswith(b"\x1f\x8b") else out
        for spelling, plain in OTHER_SPELLINGS.items():
            out = out.replace(spelling, plain)
        return out

    def goroutines(self, *arguments):
        header, *lines = [json.loads(line) for line in self.dump("-f", "jsonl", *arguments).out.splitlines()]
        self.assertEqual(header["goroutines"], len(lines))
        return header, lines

    def test_a_filter_works_in_every_format(self):
        names = formats()
        self.assertGreaterEqual(len(names), 3)
        for form in names:
            if form in WITHOUT_NAMES:
                continue
            with self.subTest(format=form):
                everything = self.content(form)
                self.assertIn(WORKER, everything)
                self.assertIn(NEWS, everything)
                only = self.content(form, "--filter", r"func~orderWorker$")
                self.assertIn(WORKER, only)
                self.assertNotIn(NEWS, only)
                rest = self.content(form, "--filter", r"!func~orderWorker$")
                self.assertNotIn(WORKER, re.sub(rb"filter: .*|\"filter\".*", b"", rest))
                self.assertIn(NEWS, rest)

    def test_every_format_can_be_of_no_goroutine(self):
        for form in formats():
            with self.subTest(format=form):
                self.dump("-f", form, "--filter", "goid=0")

    def test_what_a_filter_keeps_is_what_passes(self):
        _, everything = self.goroutines()
        for text, passes in (
            ("state='chan receive'", lambda g: g["state"] == "chan receive"),
            ("state=waiting", lambda g: g["status"] == "waiting"),
            ("!state=waiting", lambda g: g["status"] != "waiting"),
            ("wait~^sync", lambda g: (g["wait_reason"] or "").startswith("sync")),
            ("label.pool=orders", lambda g: (g["labels"] or {}).get("pool") == "orders"),
            ("label.pool", lambda g: "pool" in (g["labels"] or {})),
            ("goid<100", lambda g: g["goid"] < 100),
            ("parent=1 and goid>50", lambda g: g["parent"] == 1 and g["goid"] > 50),
            ("func=main.spawn.func1", lambda g: any(f["function"] == "main.spawn.func1" for f in g["frames"])),
            ("package=net/http", lambda g: any(f["function"].startswith("net/http.") for f in g["frames"])),
            ("creator~'^main[.]spawn$'", lambda g: (g["creator"] or {}).get("function") == "main.spawn"),
        ):
            with self.subTest(filter=text):
                expected = [g["goid"] for g in everything if passes(g)]
                header, lines = self.goroutines("--filter", text)
                self.assertNotIn(len(expected), (0, len(everything)), "a test that cannot fail")
                self.assertEqual(expected, [g["goid"] for g in lines])
                self.assertEqual(
                    {"of": len(everything), "filter": text, "limit": None, "seed": None}, header["selection"]
                )

    def test_several_filters_must_all_hold(self):
        header, lines = self.goroutines("--filter", "label.pool=orders", "--filter", "goid<100 or goid>150")
        self.assertEqual("(label.pool=orders) and (goid<100 or goid>150)", header["selection"]["filter"])
        self.assertTrue(lines)
        for g in lines:
            self.assertTrue(g["labels"]["pool"] == "orders" and not 100 <= g["goid"] <= 150)

    def test_a_sample_is_the_same_in_every_capture(self):
        def sample(*arguments):
            return [g["goid"] for g in self.goroutines(*arguments)[1]]

        first = sample("--limit", "20:3")
        self.assertEqual(20, len(first))
        self.assertEqual(first, sample("--limit=20:3"))
        self.assertNotEqual(first, sample("--limit", "20:4"))
        self.assertEqual(sample("--limit", "20"), sample("--limit", "20:0"))
        few = sample("--filter", "label.pool=orders", "--limit", "20:3")
        self.assertEqual(20, len(few))
        self.assertLessEqual(set(first) & set(sample("--filter", "label.pool=orders")), set(few))

    def test_all_outputs_of_a_run_have_the_same_goroutines(self):
        files = [self.directory / name for name in ("a.jsonl", "b.jsonl", "c.report")]
        self.dump("--limit", "5", *[word for path in files for word in ("-o", path)])
        self.assertEqual(files[0].read_bytes(), files[1].read_bytes())
        self.assertRegex(files[2].read_text(), r"\n5 of \d+ goroutines, .*\na sample of at most 5, seed 0\n")

    def test_the_statistics_are_of_all_goroutines(self):
        result = self.dump("-o", self.directory / "a.pb.gz", "--filter", "label.pool=orders", "--stats", "-")
        total = json.loads(result.out)["goroutines"]
        self.assertGreater(total, 250)
        self.assertRegex(result.err, r"^gostackdump: 90 of %d goroutines of sample-server " % total)

    def test_an_error_points_at_its_place_and_nothing_is_looked_at(self):
        result = run("-p", self.pid, "--filter", "locked and func~(", "-o", self.directory / "a.pb.gz")
        self.assert_status(64, result)
        self.assert_message(result, "\n  locked and func~(\n                  ^\n")
        self.assertFalse((self.directory / "a.pb.gz").exists())


if __name__ == "__main__":
    main()
