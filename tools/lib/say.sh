# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What a person reads while a tool works.

if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
	bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
else
	bold='' dim='' plain=''
fi

say() { printf '%s\n' "$*"; }

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# phase TITLE COMMAND...: says what is done, does it, says how long it took. Ends the tool when it fails.
phase() {
	local title=$1 begin=$SECONDS
	shift
	printf '%s== %s%s\n' "$bold" "$title" "$plain"
	"$@" || die "$title: failed"
	printf '%s   %d s%s\n' "$dim" $((SECONDS - begin)) "$plain"
}

# quietly LOG COMMAND...: its output goes to LOG, and is shown only when it fails.
quietly() {
	local log=$1
	shift
	mkdir -p "${log%/*}"
	"$@" >"$log" 2>&1 </dev/null && return
	tail -n 60 "$log" >&2
	printf '(all of it: %s)\n' "$log" >&2
	return 1
}
