// The C interface that Python loads: chooses the instruction set, checks every index, and runs all row blocks of all
// heads in one parallel region. This file is compiled for the plain processor.
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernels.h"
#include "logit_scale.h"

#define MK_EXPORT extern "C" __attribute__((visibility("default")))

// build.py defines MK_HAVE_* for what the compiler could build.
extern "C" const Kernels kernels_generic, kernels_avx2, kernels_avx512, kernels_avx512_bf16;

namespace {

bool always() { return true; }

#if defined(MK_HAVE_AVX2)
bool runs_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}
#endif
#if defined(MK_HAVE_AVX512)
bool runs_avx512() {
  return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif
#if defined(MK_HAVE_AVX512_BF16)
bool runs_avx512_bf16() { return runs_avx512() && __builtin_cpu_supports("avx512bf16"); }
#endif

struct Choice {
  const Kernels* kernels;
  bool (*runs_here)();
};

const Choice kChoices[] = {
#if defined(MK_HAVE_AVX512_BF16)
    {&kernels_avx512_bf16, runs_avx512_bf16},
#endif
#if defined(MK_HAVE_AVX512)
    {&kernels_avx512, runs_avx512},
#endif
#if defined(MK_HAVE_AVX2)
    {&kernels_avx2, runs_avx2},
#endif
    {&kernels_generic, always},
};

// The named instruction set, or the best one for an empty name. Null where the processor lacks it.
const Kernels* find_kernels(const char* name) {
  for (const Choice& choice : kChoices)
    if ((*name == '\0' || std::strcmp(name, choice.kernels->name) == 0) && choice.runs_here()) return choice.kernels;
  return nullptr;
}

struct Message {
  char* text;
  int64_t size;

  bool fail(const char* format, ...) const __attribute__((format(printf, 2, 3))) {
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, static_cast<size_t>(size), format, arguments);
    va_end(arguments);
    return false;
  }
};

using Integer = long long;

bool check_slash(const HeadJob& job, Integer head, const Message& message) {
  Integer previous = -1;
  for (int64_t i = 0; i < job.num_columns; ++i) {
    const Integer column = job.columns[i];
    if (column < 0 || column >= job.num_keys)
      return message.fail("head %lld: column %lld lies outside [0, %lld)", head, column, Integer(job.num_keys));
    if (column <= previous)
      return message.fail("head %lld: columns must ascend, got %lld after %lld", head, column, previous);
    previous = column;
  }
  previous = -1;
  for (int64_t i = 0; i < job.num_runs; ++i) {
    const Integer first = job.runs[2 * i], last = job.runs[2 * i + 1], reach = job.num_keys + kRowTile;
    if (first < 0 || last <= first || last > reach)
      return message.fail("head %lld: run [%lld, %lld) lies outside [0, %lld)", head, first, last, reach);
    if (first < previous)
      return message.fail("head %lld: runs must ascend without overlap, got %lld after %lld", head, first, previous);
    previous = last;
  }
  return true;
}

bool check_blocks(const HeadJob& job, Integer head, const Message& message) {
  const int64_t num_row_blocks = (job.num_queries + kRowTile - 1) / kRowTile;
  const Integer num_key_blocks = (job.num_keys + kRowTile - 1) / kRowTile;
  for (int64_t m = 0; m < num_row_blocks; ++m) {
    const Integer start = job.block_start[m], stop = job.block_start[m + 1];
    if (start < 0 || stop < start || stop > job.num_blocks)
      return message.fail("head %lld: row block %lld has block list [%lld, %lld) of %lld", head, Integer(m), start, stop,
                          Integer(job.num_blocks));
    Integer previous = -1;
    for (Integer i = start; i < stop; ++i) {
      const Integer block = job.block_index[i];
      if (block < 0 || block >= num_key_blocks)
        return message.fail("head %lld: key block %lld lies outside [0, %lld)", head, block, num_key_blocks);
      if (block <= previous)
        return message.fail("head %lld: key blocks must ascend, got %lld after %lld", head, block, previous);
      previous = block;
    }
  }
  return true;
}

bool check_job(const HeadJob& job, Integer head, const Message& message) {
  if (job.num_queries < 0 || job.num_keys < job.num_queries || job.num_keys > INT32_MAX - kRowTile)
    return message.fail("head %lld: %lld queries on %lld keys", head, Integer(job.num_queries), Integer(job.num_keys));
  if (job.dense_from < 0 || job.dense_from > job.num_queries)
    return message.fail("head %lld: dense_from is %lld, outside [0, %lld]", head, Integer(job.dense_from),
                        Integer(job.num_queries));
  if (job.kind == kSlash) return check_slash(job, head, message);
  if (job.kind == kBlock) return check_blocks(job, head, message);
  if (job.kind != kWindow) return message.fail("head %lld: unknown kind %lld", head, Integer(job.kind));
  if (job.sink < 0 || job.local < 0)
    return message.fail("head %lld: sink %lld and local %lld must not be negative", head, Integer(job.sink),
                        Integer(job.local));
  return true;
}

int64_t num_row_blocks(const HeadJob& job) { return (job.num_queries + kRowTile - 1) / kRowTile; }

// 64-byte aligned scratch memory of one thread.
class Scratch {
 public:
  explicit Scratch(int64_t bytes) : memory_(std::aligned_alloc(64, static_cast<size_t>((bytes + 63) / 64 * 64))) {}
  ~Scratch() { std::free(memory_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* memory() const { return memory_; }

 private:
  void* memory_;
};

constexpr int64_t kKeptLogitBytes = int64_t{9} << 20;  // a probe's logits up to this size are kept, not computed twice

// Joins the row statistics of all chunks, in their order.
void merge_statistics(const Call& call, const ProbeJob& job, const ProbeState& state, int64_t chunks) {
  const LogitScale scale(call);
  const int64_t rows = state.row_blocks * kRowTile;
  for (int64_t row = 0; row < rows; ++row) {
    float maximum = state.maxima[row];
    for (int64_t c = 1; c < chunks; ++c)
      if (!(state.maxima[c * rows + row] <= maximum)) maximum = state.maxima[c * rows + row];
    double sum = 0.0;
    for (int64_t c = 0; c < chunks; ++c)
      if (state.sums[c * rows + row] != 0.0f)
        sum += state.sums[c * rows + row] * std::exp2((state.maxima[c * rows + row] - maximum) * scale.exponent);
    const bool exists = row < job.num_rows;
    state.shifts[row] = exists ? static_cast<float>(maximum * scale.exponent + std::log2(sum)) : INFINITY;
    if (exists) job.row_lse[row] = static_cast<float>(maximum * scale.natural + std::log(sum));
  }
}

// Adds the chunks' shares of each diagonal, in their order. Slots before offset 0 belong to future keys and are zero.
void merge_diagonals(const ProbeJob& job, const ProbeState& state, int64_t chunks) {
  const int64_t slots = kProbeChunk + state.row_blocks * kRowTile;
  std::memset(job.offset_sums, 0, static_cast<size_t>(job.num_keys) * sizeof(float));
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const int64_t end = (chunk + 1) * kProbeChunk < job.num_keys ? (chunk + 1) * kProbeChunk : job.num_keys;
    const int64_t first_offset = job.num_keys - job.num_rows - (end - 1);
    for (int64_t slot = first_offset < 0 ? -first_offset : 0; slot < slots; ++slot) {
      const int64_t offset = first_offset + slot;
      if (offset >= job.num_keys) break;
      job.offset_sums[offset] += state.offset_parts[chunk * slots + slot];
    }
  }
}

}  // namespace

// Writes the names of the instruction sets this processor can run, best first, separated by spaces.
MK_EXPORT void mk_instruction_sets(char* text, int64_t size) {
  const Message message{text, size};
  char names[128] = "";
  for (const Choice& choice : kChoices)
    if (choice.runs_here()) {
      if (*names != '\0') std::strcat(names, " ");
      std::strcat(names, choice.kernels->name);
    }
  message.fail("%s", names);
}

// The size of the structures, so that Python can refuse a library that disagrees with it.
MK_EXPORT int64_t mk_layout() {
  return sizeof(HeadJob) * 1000000 + sizeof(Call) * 1000 + sizeof(ProbeJob);
}

// Attention of `num_jobs` heads. Returns 0, or 1 with the reason in `text`; then no output has been written.
MK_EXPORT int mk_attend(const Call* call, const HeadJob* jobs, int64_t num_jobs, int64_t threads,
                        const char* instruction_set, char* text, int64_t text_size) {
  const Message message{text, text_size};
  const Kernels* kernels = find_kernels(instruction_set);
  if (kernels == nullptr) return message.fail("this processor does not run %s", instruction_set), 1;
  for (int64_t i = 0; i < num_jobs; ++i)
    if (!check_job(jobs[i], i, message)) return 1;

  // Tasks are numbered head by head, the long last rows of a head first: its neighbouring row blocks, which share
  // almost all their keys, follow each other while those are still in the cache, and the end of the queue is small.
  int64_t* first_task = static_cast<int64_t*>(std::malloc(static_cast<size_t>(num_jobs + 1) * sizeof(int64_t)));
  if (first_task == nullptr) return message.fail("out of memory"), 1;
  first_task[0] = 0;
  for (int64_t i = 0; i < num_jobs; ++i) first_task[i + 1] = first_task[i] + num_row_blocks(jobs[i]);
  const int64_t num_tasks = first_task[num_jobs];
  const int64_t bytes = kernels->workspace_bytes(*call);
  int out_of_memory = 0;

#pragma omp parallel num_threads(static_cast<int>(threads)) reduction(| : out_of_memory)
  {
    const Scratch scratch(bytes);
    out_of_memory = scratch.memory() == nullptr;
    int64_t head = 0;
#pragma omp for schedule(dynamic, 1)
    for (int64_t task = 0; task < num_tasks; ++task) {
      if (scratch.memory() == nullptr) continue;
      while (first_task[head + 1] <= task) ++head;  // a thread's tasks only ascend
      const int64_t row_block = first_task[head + 1] - 1 - task;
      kernels->attend_block(*call, jobs[head], row_block, scratch.memory());
    }
  }
  std::free(first_task);
  if (out_of_memory) return message.fail("out of memory: a thread needs %lld bytes of scratch", Integer(bytes)), 1;
  return 0;
}

// The sums of one probe. Returns 0, or 1 with the reason in `text`.
MK_EXPORT int mk_probe(const Call* call, const ProbeJob* job, int64_t threads, const char* instruction_set, char* text,
                       int64_t text_size) {
  const Message message{text, text_size};
  const Kernels* kernels = find_kernels(instruction_set);
  if (kernels == nullptr) return message.fail("this processor does not run %s", instruction_set), 1;
  if (job->num_rows < 1 || job->num_keys < job->num_rows || job->num_keys > INT32_MAX - kRowTile)
    return message.fail("%lld probe rows on %lld keys", Integer(job->num_rows), Integer(job->num_keys)), 1;
  for (int64_t g = 0, previous = 0; g < job->num_groups; previous = job->group_ends[g++])
    if (job->group_ends[g] < previous || (g + 1 == job->num_groups) != (job->group_ends[g] == job->num_rows))
      return message.fail("groups of probe rows must end at %lld", Integer(job->num_rows)), 1;

  ProbeState state{};
  state.row_blocks = (job->num_rows + kRowTile - 1) / kRowTile;
  const int64_t rows = state.row_blocks * kRowTile, chunks = (job->num_keys + kProbeChunk - 1) / kProbeChunk;
  const int64_t slots = kProbeChunk + rows, kept = rows * (job->num_keys + kRowTile);
  const bool keep = kept * static_cast<int64_t>(sizeof(float)) <= kKeptLogitBytes;
  const int64_t shared_floats = rows * call->head_dim + 2 * chunks * rows + rows + chunks * slots + (keep ? kept : 0);
  const Scratch shared(shared_floats * static_cast<int64_t>(sizeof(float)));
  if (shared.memory() == nullptr) return message.fail("out of memory"), 1;
  state.queries = static_cast<float*>(shared.memory());
  state.maxima = state.queries + rows * call->head_dim;
  state.sums = state.maxima + chunks * rows;
  state.shifts = state.sums + chunks * rows;
  state.offset_parts = state.shifts + rows;
  state.logits = keep ? state.offset_parts + chunks * slots : nullptr;

  const int64_t bytes = kernels->probe_workspace_bytes(*call, state.row_blocks);
  int out_of_memory = 0;
#pragma omp parallel num_threads(static_cast<int>(threads)) reduction(| : out_of_memory)
  {
    const Scratch scratch(bytes);
    const bool usable = scratch.memory() != nullptr;
    out_of_memory = !usable;
#pragma omp single
    if (usable) kernels->pack_probe(*call, *job, state, scratch.memory());
#pragma omp for schedule(dynamic, 1)
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
      if (usable) kernels->probe_statistics(*call, *job, state, chunk, scratch.memory());
#pragma omp single
    merge_statistics(*call, *job, state, chunks);
#pragma omp for schedule(dynamic, 1)
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
      if (usable) kernels->probe_sums(*call, *job, state, chunk, scratch.memory());
  }
  if (out_of_memory) return message.fail("out of memory: a thread needs %lld bytes of scratch", Integer(bytes)), 1;
  merge_diagonals(*job, state, chunks);
  return 0;
}
