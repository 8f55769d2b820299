/** Running code so that the backend compiles its programs, and computes nothing. */
import * as tf from '@tensorflow/tfjs-core';

/** How a backend compiles without computing. */
interface Compiler {
  /** tfjs's flag for it, which the backend registers. */
  readonly flag: string;
  /** Names of the programs that are compiled, or about to be. */
  keys(): string[];
  /** Waits until programs can run. */
  finish(added: readonly string[]): Promise<unknown>;
  /** Forgets a program that is not to be run. */
  drop(key: string): void;
}

/** What is used of tfjs's webgl backend. */
interface WebglBackend extends tf.KernelBackend {
  /** Compiled programs by key. */
  binaryCache: Record<string, { webGLProgram: WebGLProgram }>;
  gpgpu: { deleteProgram(program: WebGLProgram): void };
  checkCompileCompletionAsync(): Promise<boolean[]>;
  getUniformLocations(): void;
}

function webglCompiler(backend: WebglBackend): Compiler {
  const { binaryCache } = backend;
  return {
    flag: 'ENGINE_COMPILE_ONLY',
    keys: () => Object.keys(binaryCache),
    finish: async () => {
      await backend.checkCompileCompletionAsync();
      backend.getUniformLocations();
    },
    drop: (key) => {
      const { webGLProgram } = binaryCache[key] as { webGLProgram: WebGLProgram };
      Reflect.deleteProperty(binaryCache, key);
      backend.gpgpu.deleteProgram(webGLProgram);
    },
  };
}

/** What is used of tfjs's webgpu backend. */
interface WebgpuBackend extends tf.KernelBackend {
  /** Pipelines by key, and promises of those that are being compiled. */
  pipelineCache: Record<string, object | Promise<object>>;
}

function webgpuCompiler({ pipelineCache }: WebgpuBackend): Compiler {
  return {
    flag: 'WEBGPU_ENGINE_COMPILE_ONLY',
    keys: () => Object.keys(pipelineCache),
    // tfjs's own way waits for all, and confuses them where others are added meanwhile.
    finish: async (added) => {
      const outcomes = await Promise.allSettled(
        added.map(async (key) => {
          const pipeline = await pipelineCache[key];
          pipelineCache[key] = pipeline as object;
        }),
      );
      const failed = outcomes.find(({ status }) => status === 'rejected');
      if (failed) throw (failed as PromiseRejectedResult).reason;
    },
    drop: (key) => {
      Reflect.deleteProperty(pipelineCache, key);
    },
  };
}

function compilerInUse(): Compiler | null {
  const backend: unknown = tf.backend();
  switch (tf.getBackend()) {
    case 'webgl':
      return webglCompiler(backend as WebglBackend);
    case 'webgpu':
      return webgpuCompiler(backend as WebgpuBackend);
    default:
      return null;
  }
}

let isOn = false;

/** Whether nothing is computed at present, so that values are not to be read. */
export function isCompilingOnly(): boolean {
  return isOn;
}

/**
 * Runs the synchronous `fn` on backend 'webgl' or 'webgpu' so that all of its programs are compiled, side by side
 * where the browser can, and none is run. What it computes is worth nothing.
 *
 * @returns how many programs were new, once they are ready to run; 0 on other backends, which are not asked
 * @throws {unknown} what `fn` throws
 * @throws {Error} when a program does not compile. None of the new ones is kept then: what needs them compiles anew
 */
export async function compilingOnly(fn: () => void): Promise<number> {
  const compiler = compilerInUse();
  if (!compiler) return 0;
  const known = new Set(compiler.keys());
  const added = () => compiler.keys().filter((key) => !known.has(key));
  const outer = tf.env().getBool(compiler.flag);
  tf.env().set(compiler.flag, true);
  isOn = true;
  let failure: { error: unknown } | undefined;
  try {
    fn();
  } catch (error) {
    failure = { error };
  } finally {
    isOn = false;
    tf.env().set(compiler.flag, outer);
  }
  const isNew = added();
  try {
    // Also those compiled before something failed are run later on.
    await compiler.finish(isNew);
  } catch (error) {
    // tfjs would take them from its cache and run them unfinished.
    isNew.forEach(compiler.drop);
    failure ??= { error };
  }
  if (failure) throw failure.error;
  return isNew.length;
}
