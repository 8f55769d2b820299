/** Frees whatever a piece of work leaves behind, also where it fails in the middle of making a model. */
import * as tf from '@tensorflow/tfjs-core';

/** Runs work, and disposes of all tensors and variables that it has made and not freed. */
export async function leavingNothing<T>(work: () => Promise<T>): Promise<T> {
  const engine = tf.engine();
  const before = new Set(Object.values(engine.registeredVariables));
  engine.startScope('doctor');
  try {
    return await work();
  } finally {
    engine.endScope();
    const made = Object.values(engine.registeredVariables).filter((v) => !before.has(v));
    made.forEach((variable) => variable.dispose());
  }
}
