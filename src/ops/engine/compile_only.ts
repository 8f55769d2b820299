/** Running code so that the backend compiles its programs, and computes nothing. */
import * as tf from '@tensorflow/tfjs-core';

/** tfjs's flag for it, which its webgl backend registers. */
const FLAG = 'ENGINE_COMPILE_ONLY';

/** What is used of tfjs's webgl backend. */
interface CompilingBackend extends tf.KernelBackend {
  /** Compiled programs by key. */
  binaryCache: Record<string, { webGLProgram: WebGLProgram }>;
  gpgpu: { deleteProgram(program: WebGLProgram): void };
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
 * @throws {unknown} what `fn` throws
 * @throws {Error} when a program does not compile. None of the new ones is kept then: what needs them compiles anew
 */
export async function compilingOnly(fn: () => void): Promise<number> {
  if (tf.getBackend() !== 'webgl') return 0;
  const backend = tf.backend() as CompilingBackend;
  const known = new Set(Object.keys(backend.binaryCache));
  const added = () => Object.keys(backend.binaryCache).filter((key) => !known.has(key));
  const outer = tf.env().getBool(FLAG);
  tf.env().set(FLAG, true);
  isOn = true;
  let failure: { error: unknown } | undefined;
  try {
    fn();
  } catch (error) {
    failure = { error };
  } finally {
    isOn = false;
    tf.env().set(FLAG, outer);
  }
  try {
    // Also those compiled before something failed are run later on.
    await backend.checkCompileCompletionAsync();
    backend.getUniformLocations();
  } catch (error) {
    // tfjs would take them from its cache and run them unfinished.
    for (const key of added()) {
      const { webGLProgram } = backend.binaryCache[key] as { webGLProgram: WebGLProgram };
      Reflect.deleteProperty(backend.binaryCache, key);
      backend.gpgpu.deleteProgram(webGLProgram);
    }
    failure ??= { error };
  }
  if (failure) throw failure.error;
  return added().length;
}
