/** docs/memory.md and its charts are what the results of the benchmarks of optimizers say. */
import { outdated } from '../../bench/document/benchmarks';
import { generateMemory } from '../../bench/optimizers/document';

test('the page in the repository is generated from the results in the repository', () => {
  const files = generateMemory();
  expect(files.map(({ path }) => path)).toContain('docs/memory.md');
  expect(outdated(files)).toEqual([]);
});
