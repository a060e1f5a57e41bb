# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# CMake presets, quietly.

# build_preset NAME
build_preset() {
	local log=build/log/$1
	quietly "$log.configure" cmake --preset "$1" && quietly "$log.build" cmake --build --preset "$1"
}
