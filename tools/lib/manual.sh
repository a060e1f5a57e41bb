# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# The manual has the program's own tables between two marks.

# write_manual PROGRAM: puts what PROGRAM --help-manual says into docs/gostackdump.1.
write_manual() {
	local manual=docs/gostackdump.1 part new
	part=$(mktemp) new=$(mktemp)
	"$1" --help-manual >"$part" &&
		sed -e '/^\.\\" begin --help-manual/,/^\.\\" end --help-manual/{/^\.\\" begin/{p;r '"$part"$'\n}\n/^\\.\\\\" end/p;d}' "$manual" >"$new" &&
		cat "$new" >"$manual"
	rm -f "$part" "$new"
}
