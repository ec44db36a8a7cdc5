/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the check of the reader. What it lets through, msgpack-c parses,
 * and into as many values, whatever the bytes are.
 */
#include "schemas/msgpack/reader.h"

#include "schemas/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	fuzz_need(oracle_agrees(bytes, n));
	return 0;
}
