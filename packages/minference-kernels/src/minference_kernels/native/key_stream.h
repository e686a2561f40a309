// Deals out the keys of one row block, at most 64 at a time.
//
// Runs, columns, windows and blocks all end as one compact list of key numbers, so the attention loop has a single
// path and no tile is padded: twelve bands of 111 keys cost 1332 keys, not 24 tiles of 64. The list is never stored.
#pragma once

#include "abi.h"

namespace {

class KeyStream {
 public:
  // `first_row` and `last_row` delimit the rows to serve, all of one row block.
  KeyStream(const HeadJob& job, int64_t first_row, int64_t last_row, bool dense) : job_(job) {
    const int64_t past = job.num_keys - job.num_queries;
    const int64_t row_block = first_row / kRowTile;
    end_ = past + (row_block + 1) * kRowTile;
    first_position_ = past + row_block * kRowTile;
    limit_ = past + last_row;  // one past the last key that any of the rows may see
    if (dense) {
      source_ = kNothing;
      span_last_ = limit_;
    } else if (job.kind == kWindow) {
      source_ = kLocal;
      span_last_ = job.sink < limit_ ? job.sink : limit_;
      local_first_ = past + first_row - job.local + 1;
    } else if (job.kind == kBlock) {
      source_ = kBlocks;
      cursor_ = job.block_start[row_block];
      stop_ = job.block_start[row_block + 1];
    } else {
      source_ = kColumns;
      run_ = job.num_runs - 1;
    }
  }

  // Writes the next keys and returns how many; 0 at the end. Never the same key twice.
  int next(int32_t* keys) {
    int count = source_ == kColumns ? next_columns(keys) : 0;
    while (count < kRowTile && (span_next_ < span_last_ || open_span()))
      while (count < kRowTile && span_next_ < span_last_) keys[count++] = static_cast<int32_t>(span_next_++);
    return count;
  }

 private:
  enum Source { kColumns, kRuns, kLocal, kBlocks, kNothing };

  int next_columns(int32_t* keys) {
    int count = 0;
    for (; count < kRowTile; ++cursor_) {
      if (cursor_ >= job_.num_columns || job_.columns[cursor_] >= first_position_) {
        // The farthest run comes first, so that the tiles which need the causal mask, at the diagonal, come last.
        source_ = kRuns;
        cursor_ = job_.num_runs;
        break;
      }
      const int64_t distance = end_ - 1 - job_.columns[cursor_];
      while (run_ >= 0 && job_.runs[2 * run_] > distance) --run_;  // columns ascend, so distances only fall
      const bool covered = run_ >= 0 && distance < job_.runs[2 * run_ + 1];
      if (!covered) keys[count++] = job_.columns[cursor_];
    }
    return count;
  }

  // Moves on to the next non-empty interval of keys; false when there is none.
  bool open_span() {
    while (true) {
      if (source_ == kRuns && cursor_ > 0) {
        --cursor_;
        span_next_ = end_ - job_.runs[2 * cursor_ + 1];
        span_last_ = end_ - job_.runs[2 * cursor_];
      } else if (source_ == kBlocks && cursor_ < stop_) {
        span_next_ = job_.block_index[cursor_++] * kRowTile;
        span_last_ = span_next_ + kRowTile;
      } else if (source_ == kLocal) {
        source_ = kNothing;
        span_next_ = local_first_ > job_.sink ? local_first_ : job_.sink;
        span_last_ = limit_;
      } else {
        return false;
      }
      if (span_next_ < 0) span_next_ = 0;
      if (span_last_ > limit_) span_last_ = limit_;
      if (span_next_ < span_last_) return true;
    }
  }

  const HeadJob& job_;
  Source source_;
  int64_t end_, first_position_, limit_;
  int64_t cursor_ = 0, stop_ = 0, run_ = -1, local_first_ = 0;
  int64_t span_next_ = 0, span_last_ = 0;
};

}  // namespace
