// Threads that share the work of one operation.
#pragma once
#include <atomic>
#include <condition_variable>
#include <mutex>

namespace revcol {

// As many as TensorFlow would use: what TF_NUM_INTRAOP_THREADS says, else the processors that the process
// may run on.
int defaultThreads();

constexpr int kMostThreads = 64;

// The register in which a processor keeps how it rounds and whether it takes denormal numbers for 0.
using FloatMode = unsigned long;

// While one lives, the thread that made it, and with it the helpers of its tasks, computes with denormal numbers,
// which TensorFlow takes for 0 where it calls operations: for results that must be those of other places.
class WithDenormals {
 public:
  WithDenormals();
  ~WithDenormals();
  WithDenormals(const WithDenormals&) = delete;
  WithDenormals& operator=(const WithDenormals&) = delete;

 private:
  FloatMode before_;
};

// The calling thread and its helpers. Only one call may run at a time.
class ThreadPool {
 public:
  explicit ThreadPool(int size) { resize(size); }

  // Into how many parts work is divided. Results that depend on the division depend on this number alone,
  // however many threads the system gave and whichever took which part.
  int size() const { return size_; }

  // At least 1, at most kMostThreads.
  void resize(int size);

  // Calls task(index, worker) for each index from 0 to count - 1 and returns when all are done. `worker`,
  // less than size(), is the number of the thread, which nobody else has meanwhile: for its scratch
  // memory. All threads compute in the caller's mode. Tasks may not throw.
  template <class Task>
  void run(long count, const Task& task) {
    runErased(count, &task, [](const void* t, long index, int worker) {
      (*static_cast<const Task*>(t))(index, worker);
    });
  }

 private:
  using Call = void (*)(const void* task, long index, int worker);

  void runErased(long count, const void* task, Call call);
  void drain(int worker);
  void help(int worker);

  int size_ = 1;
  int started_ = 1;
  // The task in hand; written only while no helper is in `drain`.
  const void* task_ = nullptr;
  Call call_ = nullptr;
  long count_ = 0;
  // How the caller's processor rounds, and what it makes of the smallest numbers.
  FloatMode mode_ = 0;
  std::atomic<long> next_{0};
  // Helpers that are about to look for work or at it.
  std::atomic<int> active_{0};
  std::atomic<bool> open_{false};
  // Counts tasks, so that a helper sees that there is a new one.
  std::atomic<unsigned> epoch_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
};

}  // namespace revcol
