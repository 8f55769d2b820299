/** How docs/benchmarks.md begins: how it is measured. */
export const INTRODUCTION = `# Benchmarks

This page is generated from \`bench/results\` by \`npm run bench -- document\`. How it is measured:

- Every contestant is a process of its own and waits for its turn. A round is one run of each, one
  right after the other; the next round begins with the next contestant. What else the machine does
  hits all alike, so the **ratio** of a round to its reference (the first row) is more to be trusted
  than the times. Median, least and the middle half of the rounds are given.
- Before anything is timed, all contestants compute the same outputs and the same gradients of all
  weights from the same weights and inputs; one that deviates is an error.
- **Peak** is \`memoryPeak\`'s, exact: all tensors, weights included, each by its size, so that tensors
  which share memory count in full. **Resident** is the most that the process held, code included.
- _reversible_ and _stored_ are this package's two modes. _stock_ is the same network in tfjs's own
  operations with tfjs's automatic differentiation. _plain_ is _reversible_ without the package's own
  operations for TensorFlow. _PyTorch_ is written in
  \`bench/peers\`; _levels checkpointed_ recomputes each level, as the published reversible function does.
  onnxruntime runs PyTorch's export. wasm has one thread, as always in Node.

\`npm run bench:peers\` installs the peers, \`npm run bench -- baseline\` records what is missing or
out of date, and \`npm run bench -- train --batch 4\` (\`forward\`, \`memory\`, \`tokens\`, \`segmenter\`, \`ops\`, \`startup\`, \`images\`)
measures anything else. \`--help\` tells the options.`;
