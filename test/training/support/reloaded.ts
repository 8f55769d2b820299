/** A model saved with its optimizer and loaded again, as if from files. */
import * as tf from '@tensorflow/tfjs';

/** The copy; the caller's. */
export async function reloaded(model: tf.LayersModel): Promise<tf.LayersModel> {
  let artifacts: tf.io.ModelArtifacts | undefined;
  const handler = tf.io.withSaveHandler(async (saved) => {
    artifacts = saved;
    return Promise.resolve({ modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(saved) });
  });
  await model.save(handler, { includeOptimizer: true });
  const { modelTopology, weightSpecs, weightData, trainingConfig } =
    artifacts as tf.io.ModelArtifacts;
  return tf.loadLayersModel(
    tf.io.fromMemory({
      modelTopology: JSON.parse(JSON.stringify(modelTopology)) as object,
      weightSpecs,
      weightData,
      trainingConfig: JSON.parse(JSON.stringify(trainingConfig)) as tf.io.TrainingConfig,
    }),
  );
}
