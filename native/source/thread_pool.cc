// How threads wait for work, take it and end it.
#include "thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <thread>

namespace revcol {

namespace {

// How long a helper stays awake for the next task. In a network the next operation comes within that time
// as a rule, and waking a sleeping thread takes tens of microseconds.
constexpr auto kAwake = std::chrono::microseconds(200);

// Turns of waiting before the processor is offered to others: some microseconds.
constexpr int kSpins = 64;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// A thread has a mode of its own: TensorFlow lets that which calls an operation take denormal numbers for 0.
FloatMode floatMode() {
#if defined(__x86_64__)
  return __builtin_ia32_stmxcsr();
#elif defined(__aarch64__)
  FloatMode mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
#else
  return 0;
#endif
}

void setFloatMode(FloatMode mode) {
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr(static_cast<unsigned>(mode));
#elif defined(__aarch64__)
  asm volatile("msr fpcr, %0" : : "r"(mode));
#else
  static_cast<void>(mode);
#endif
}

// The bits of the mode that make denormal numbers 0.
#if defined(__x86_64__)
constexpr FloatMode kNoDenormals = 0x8040;
#elif defined(__aarch64__)
constexpr FloatMode kNoDenormals = 1 << 24;
#else
constexpr FloatMode kNoDenormals = 0;
#endif

}  // namespace

WithDenormals::WithDenormals() : before_(floatMode()) { setFloatMode(before_ & ~kNoDenormals); }
WithDenormals::~WithDenormals() { setFloatMode(before_); }

int defaultThreads() {
  const char* wanted = std::getenv("TF_NUM_INTRAOP_THREADS");
  int count = wanted != nullptr ? std::atoi(wanted) : 0;
  if (count <= 0) {
    cpu_set_t processors;
    const bool known = sched_getaffinity(0, sizeof processors, &processors) == 0;
    count = known ? CPU_COUNT(&processors) : 1;
  }
  return std::clamp(count, 1, kMostThreads);
}

void ThreadPool::resize(int size) {
  size_ = std::clamp(size, 1, kMostThreads);
  // Helpers stay: those beyond the size find that no task is theirs.
  for (; started_ < size_; started_++) {
    try {
      std::thread([this, worker = started_] { help(worker); }).detach();
    } catch (const std::system_error&) {
      // The system gives no more threads; those that there are take all parts.
      return;
    }
  }
}

void ThreadPool::runErased(long count, const void* task, Call call) {
  if (size_ == 1 || count <= 1) {
    for (long i = 0; i < count; i++) call(task, i, 0);
    return;
  }
  task_ = task;
  call_ = call;
  count_ = count;
  mode_ = floatMode();
  next_ = 0;
  open_ = true;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    epoch_++;
  }
  wake_.notify_all();
  drain(0);
  // A helper that wakes only now finds the task closed, so that nobody waits for one that sleeps. One
  // that saw it open has counted itself before it looked.
  open_ = false;
  for (int i = 0; active_ > 0; i++) {
    relax();
    // On a busy machine a helper may have lost its processor, perhaps to this very loop.
    if (i % kSpins == kSpins - 1) std::this_thread::yield();
  }
}

void ThreadPool::drain(int worker) {
  for (long i = next_++; i < count_; i = next_++) call_(task_, i, worker);
}

void ThreadPool::help(int worker) {
  unsigned seen = 0;
  for (;;) {
    const auto since = std::chrono::steady_clock::now();
    while (epoch_ == seen && std::chrono::steady_clock::now() - since < kAwake) {
      for (int i = 0; i < 16; i++) relax();
    }
    if (epoch_ == seen) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return epoch_ != seen; });
    }
    seen = epoch_;
    active_++;
    if (open_ && worker < size_) {
      // What comes out may not depend on which thread took which part.
      setFloatMode(mode_);
      drain(worker);
    }
    active_--;
  }
}

}  // namespace revcol
