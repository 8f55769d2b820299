/** Running code so that the backend compiles its programs, and computes nothing. */
import * as tf from '@tensorflow/tfjs-core';

/** tfjs's flag for it, which its webgl backend registers. */
const FLAG = 'ENGINE_COMPILE_ONLY';

/** What is used of tfjs's webgl backend. */
interface CompilingBackend extends tf.KernelBackend {
  /** Compiled programs by key. */
  binaryCache: Readonly<Record<string, object>>;
  checkCompileCompletionAsync(): Promise<boolean[]>;
  getUniformLocations(): void;
}

let isOn = false;

/** Whether nothing is computed at present, so that values are not to be read. */
export function isCompilingOnly(): boolean {
  return isOn;
}

/**
 * Runs the synchronous `fn` on backend 'webgl' so that all of its programs are compiled, side by side where the
 * browser can, and none is run. What it computes is worth nothing.
 *
 * @returns how many programs were new, once they are ready to run; 0 on other backends, which are not asked
 * @throws {Error} when a program does not compile, or what `fn` throws
 */
export async function compilingOnly(fn: () => void): Promise<number> {
  if (tf.getBackend() !== 'webgl') return 0;
  const backend = tf.backend() as CompilingBackend;
  const count = () => Object.keys(backend.binaryCache).length;
  const before = count();
  const outer = tf.env().getBool(FLAG);
  tf.env().set(FLAG, true);
  isOn = true;
  try {
    fn();
  } finally {
    isOn = false;
    tf.env().set(FLAG, outer);
    // Also those compiled before something failed are run later on.
    await backend.checkCompileCompletionAsync();
    backend.getUniformLocations();
  }
  return count() - before;
}
