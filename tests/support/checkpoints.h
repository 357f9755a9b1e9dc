/*
 * checkpoints: random states of a shard, and damage to files of a data directory.
 */
#ifndef DB_TESTS_SUPPORT_CHECKPOINTS_H
#define DB_TESTS_SUPPORT_CHECKPOINTS_H

#include <stdint.h>

#include "engine/journal/lane_reader.h"
#include "engine/sale/shard.h"

/*
 * Applies up to cnt random records: offers, with limits and without, also in the middle, and orders
 * of them; what a shard refuses is left out. The same seed, the same records.
 */
void random_sale(struct shard *shard, uint64_t seed, uint32_t cnt);

/* A position that a shard's checkpoint may have, whatever its lane. */
struct lane_position any_position(const struct shard *shard);

/* Flips one bit of a file; a second time puts it back. */
void flip_bit(const char *path, uint64_t bit);

/* Copies a file, and replaces the old one. */
void copy_file(const char *from, const char *to);

uint64_t file_bytes(const char *path);

#endif
