# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# A Go that can fetch any other: 1.21 or newer, the first one that understands GOTOOLCHAIN.

go_wanted=go1.26.8

# Is $1 a go command of 1.21 or newer?
go_is_recent() {
	local version
	version=$(cd / && GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return
	[[ $version =~ ^go1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= 21))
}

# The modules of a Go toolchain come without execute bits, which no Go before 1.21 sets.
download_go() {
	local module="golang.org/toolchain@v0.0.1-$go_wanted.linux-amd64" root
	root=$(cd / && go env GOMODCACHE)/$module
	(cd / && env -u GOFLAGS go mod download "$module") || return
	chmod u+w "$root/bin" "$root/pkg/tool"/* && chmod 755 "$root"/bin/* "$root"/pkg/tool/*/*
	find_go_of "$root/bin/go"
}

find_go_of() {
	go_is_recent "$1" || return
	export PATH="${1%/*}:$PATH"
	unset GOROOT
}

find_go() {
	local candidate
	for candidate in "$(command -v go)" /usr/local/go/bin/go \
		"$HOME/go/pkg/mod/golang.org/toolchain@v0.0.1-$go_wanted.linux-amd64/bin/go"; do
		[[ -x $candidate ]] && find_go_of "$candidate" && return
	done
	return 1
}

# ensure_go LOG: a recent `go` on PATH. Debian 12's is too old for GOTOOLCHAIN but can download a newer one as a module.
ensure_go() {
	if ! find_go; then
		install_packages "$1" golang-go ca-certificates || return
		if ! find_go; then
			say "   downloading $go_wanted with $(go env GOVERSION)"
			quietly "$1" download_go || return
		fi
	fi
	say "   $(cd / && GOTOOLCHAIN=local go version)"
}
