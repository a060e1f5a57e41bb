# SPDX-License-Identifier: BSD-3-Clause
"""Write the target again, with so much code that the program has 100 MB: large.py FOLDER."""

import os
import shutil
import sys

PACKAGES = 98
FUNCTIONS = 520

# Methods of a type each: a function and a type for every part of the runtime's tables.
FUNCTION = """
type Thing{n} struct {{ a, b, c int; name string; next *Thing{n} }}

//go:noinline
func (t *Thing{n}) Do(x int, s []string) (r int) {{
	defer func() {{ r += len(s) }}()
	for i, v := range s {{
		switch {{
		case len(v) > {n}: t.a += i * x
		case len(v) > x: t.b ^= len(v) << (uint(i) & 7)
		default: t.c -= {n}; t.name += v
		}}
	}}
	if t.next != nil && x > 0 {{ return t.next.Do(x-1, s[1:]) }}
	m := map[string]int{{t.name: t.a, "{n}": t.b}}
	for k, v := range m {{ r += len(k) * v }}
	return r + t.c
}}
"""


def package(number):
    lines = [f"package p{number}", "type Doer interface { Do(x int, s []string) int }"]
    lines += [FUNCTION.format(n=n) for n in range(FUNCTIONS)]
    lines += ["var All = []Doer{" + ", ".join(f"&Thing{n}{{}}" for n in range(FUNCTIONS)) + "}"]
    return "\n".join(lines) + "\n"


def main(folder):
    shutil.copytree(os.path.join(os.path.dirname(os.path.abspath(__file__)), "target"), folder, dirs_exist_ok=True)
    for number in range(PACKAGES):
        where = os.path.join(folder, f"p{number}")
        os.makedirs(where, exist_ok=True)
        with open(os.path.join(where, "p.go"), "w") as f:
            f.write(package(number))
    imports = "\n".join(f'import "target/p{n}"' for n in range(PACKAGES))
    # Called through the interface, so that the linker keeps the methods; used is never true.
    used = "\n".join(f"\t\tp{n}.All[0].Do(0, nil)" for n in range(PACKAGES))
    with open(os.path.join(folder, "large.go"), "w") as f:
        f.write(f"package main\n\n{imports}\n\nvar used bool\n\nfunc init() {{\n\tif used {{\n{used}\n\t}}\n}}\n")


if __name__ == "__main__":
    main(sys.argv[1])
