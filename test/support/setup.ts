/** Runs in every file of tests before it: what is drawn in its `beforeAll` repeats as well. */
import { repeatRandomness } from './repeatable';

const original = Math.random;

repeatRandomness();
beforeEach(repeatRandomness);
// Jest shares `Math` with its files.
afterAll(() => {
  Math.random = original;
});
