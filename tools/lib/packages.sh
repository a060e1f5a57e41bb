# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Debian packages: what is missing is named and installed.

build_packages=(gcc libc6-dev cmake ninja-build pkg-config libdw-dev libelf-dev libunwind-dev zlib1g-dev
	libjansson-dev libcmocka-dev python3)
test_packages=("${build_packages[@]}" clang libclang-rt-14-dev binutils python3-jsonschema gdb zsh fish strace
	util-linux procps chromium)
# What only `tools/test --long` needs: systemd and cron, which its tests start in namespaces of their own.
long_packages=(systemd cron)

as_root() {
	if [[ $(id -u) == 0 ]]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this needs root: $* (become root, or install sudo)"
	fi
}

has_package() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# install_packages LOG NAME...: asks apt for nothing when nothing is missing.
install_packages() {
	local log=$1 name missing=()
	shift
	command -v dpkg-query >/dev/null ||
		die "packages are installed on Debian only; elsewhere install the like of: $*"
	for name; do
		has_package "$name" || missing+=("$name")
	done
	[[ ${#missing[@]} == 0 ]] && return
	say "installing ${missing[*]}" | fold -s -w 76 | sed 's/^/   /; s/ *$//'
	quietly "$log" as_root apt-get update -q || return
	quietly "$log" as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -q -y --no-install-recommends "${missing[@]}"
}
