/**
 * Two copies of TensorFlow.js in one program, as package managers install them where versions differ
 * and bundlers where they resolve one name to two files. They share one engine, so that much works; but
 * what one copy makes is no instance of the other's classes.
 */
import * as tf from '@tensorflow/tfjs-core';

const ADVICE =
  'What one copy makes does not work with the layers, models and optimizers of the other. Let there ' +
  'be one copy: `npm ls @tensorflow/tfjs-core @tensorflow/tfjs-layers` lists them; install one version ' +
  'of both and of @tensorflow/tfjs, run `npm dedupe`, and in a bundler let each name mean one file ' +
  '(resolve.dedupe, resolve.alias).';

/** What to say about two copies. */
export function twoCopies(what: string): string {
  return `There are two copies of TensorFlow.js in this program: ${what}. ${ADVICE}`;
}

let hasWarned = false;

/** Warns of a second copy, once however many entries find one. */
export function warnOfTwoCopies(what: string): void {
  if (hasWarned) return;
  hasWarned = true;
  console.warn(`tfjs-revcol: ${twoCopies(what)}`);
}

/**
 * Where the engine, which the copy that was loaded first makes for all, is not of the copy of tfjs-core that
 * this package uses: which two they are; null where it is. Of a copy that is loaded later nothing can be seen here.
 */
export function secondCore(): string | null {
  if (tf.env() instanceof tf.Environment) return null;
  return `tfjs-revcol uses @tensorflow/tfjs-core ${tf.version_core}, and another copy was loaded before it`;
}

/** Warns of a second copy of tfjs-core. */
export function checkCore(): void {
  const copies = secondCore();
  if (copies) warnOfTwoCopies(copies);
}
