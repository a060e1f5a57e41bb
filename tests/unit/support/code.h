/* SPDX-License-Identifier: BSD-3-Clause */
/* Machine code with operands relative to the instruction pointer, as the runtime's functions have them. */
#ifndef GSD_TEST_CODE_H
#define GSD_TEST_CODE_H

#include "bytes.h"

/* The instructions up to their displacement; `immediate` bytes follow it. */
struct instruction {
	const char *bytes;
	size_t length;
	size_t immediate;
};
#define INSTRUCTION(bytes, immediate) ((struct instruction){bytes, sizeof(bytes) - 1, immediate})
#define LOAD_64                       INSTRUCTION("\x48\x8b\x05", 0) /* mov rax, [rip+d] */
#define LOAD_64_R8                    INSTRUCTION("\x4c\x8b\x05", 0) /* mov r8, [rip+d] */
#define STORE_64                      INSTRUCTION("\x48\x89\x0d", 0) /* mov [rip+d], rcx */
#define ADDRESS_OF                    INSTRUCTION("\x48\x8d\x1d", 0) /* lea rbx, [rip+d] */
#define COMPARE_64                    INSTRUCTION("\x48\x83\x3d", 1) /* cmp qword [rip+d], imm8 */
#define COMPARE_64_4                  INSTRUCTION("\x48\x81\x3d", 4) /* cmp qword [rip+d], imm32 */
#define LOAD_32                       INSTRUCTION("\x90\x8b\x05", 0) /* mov eax, [rip+d] */
#define LOAD_8                        INSTRUCTION("\x0f\xb6\x05", 0) /* movzx eax, byte [rip+d] */
#define COMPARE_8                     INSTRUCTION("\x90\x80\x3d", 1) /* cmp byte [rip+d], imm8 */
#define COMPARE_32                    INSTRUCTION("\x90\x83\x3d", 1) /* cmp dword [rip+d], imm8 */
#define TEST_8                        INSTRUCTION("\x90\xf6\x05", 1) /* test byte [rip+d], imm8 */

/* Writes an instruction at offset *at of `code`, which lies at `text`, and moves *at behind it. */
static inline void put_instruction(struct bytes *code, size_t *at, uint64_t text, struct instruction instruction,
				   uint64_t operand)
{
	set_at(code, *at, instruction.bytes, instruction.length);
	size_t end = *at + instruction.length + 4 + instruction.immediate;
	int32_t displacement = (int32_t)(int64_t)(operand - (text + end));
	set_at(code, *at + instruction.length, &displacement, sizeof displacement);
	for (size_t i = 0; i < instruction.immediate; i++)
		set_u8(code, *at + instruction.length + 4 + i, 0);
	*at = end;
}

#endif
