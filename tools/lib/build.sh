# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# CMake presets, quietly.

# build_preset NAME [TARGET]: all of it, or one target.
build_preset() {
	local log=build/log/$1
	quietly "$log.configure" cmake --preset "$1" &&
		quietly "$log.build" cmake --build --preset "$1" ${2:+--target "$2"}
}
