/**
 * Makes src/doctor/golden_values.ts: what the doctor's small networks compute, by a way that has nothing of this
 * package but the names of its weights. The networks are written in tfjs's own operations (bench/contestants), are
 * differentiated by tfjs, and run on its cpu backend in double precision, one sample at a time.
 *
 *   node --import tsx scripts/doctor_goldens.ts            writes the file
 *   node --import tsx scripts/doctor_goldens.ts --check    exits with 1 when the file holds other values
 */
import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';

const FILE = fileURLToPath(new URL('../src/doctor/golden_values.ts', import.meta.url));

/** Doubles are not the same on every machine to the last bit. */
const TOLERANCE = 1e-6;

/** The arrays that files and results have, before tfjs gets others. */
const Floats = Float32Array;
// Read by tfjs whenever it makes or tells an array: everything below is in double precision.
globalThis.Float32Array = Float64Array as never;

const tf = await import('@tensorflow/tfjs');
tf.enableProdMode();
const { stockImageForward, dense, norm, weightsByName } =
  await import('../bench/contestants/stock_image');
const { stockTokenFeatures } = await import('../bench/contestants/stock_tokens');
const { GOLDENS, IMAGE, TOKENS } = await import('../src/doctor/golden');
const { registerLayers } = await import('../src/registry/register_layers');
const { GOLDEN_VALUES } = await import('../src/doctor/golden_values');

/**
 * The error function to the last digits of a double (Abramowitz and Stegun 7.1.5, and the continued fraction 7.1.14
 * from 3 on); that of tfjs is right to seven.
 */
function erf(x: number): number {
  if (x < 0) return -erf(-x);
  if (x < 3) {
    let [term, sum] = [x, x];
    for (let n = 1; Math.abs(term) > 1e-18 * sum; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = x;
  for (let k = 60; k > 0; k--) fraction = x + k / 2 / fraction;
  return 1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}

interface CpuBackend {
  data: { get(dataId: object): { values: Float64Array } };
  makeTensorInfo(shape: number[], dtype: string, values: Float64Array): { dataId: object };
}

registerLayers();
// Node's own test knows float32 arrays by their kind.
tf.env().platform.isTypedArray = (values: unknown): values is Float32Array =>
  ArrayBuffer.isView(values);
await tf.setBackend('cpu');
const erfKernel = tf.getKernel('Erf', 'cpu');
tf.unregisterKernel('Erf', 'cpu');
tf.registerKernel({
  ...erfKernel,
  kernelFunc: ({ inputs, backend }) => {
    const { dataId, shape } = inputs.x as { dataId: object; shape: number[] };
    const cpu = backend as CpuBackend;
    const values = cpu.data.get(dataId).values.map(erf);
    return cpu.makeTensorInfo(shape, 'float32', values) as never;
  },
});

type Golden = (typeof GOLDENS)[number];
type Weights = ReturnType<typeof weightsByName>;

/** Logits of one sample, a row for each label. */
function logitsOf(name: Golden['name'], weights: Weights, x: import('@tensorflow/tfjs').Tensor) {
  if (name === 'image') return stockImageForward(weights, IMAGE, x);
  const features = stockTokenFeatures(weights, TOKENS, x);
  const logits = dense(weights, 'head/classifier', norm(weights, 'head/norm', features));
  return tf.reshape(logits, [-1, TOKENS.vocabulary]);
}

/** Loss, logits and gradients of a network, one after the other. */
function valuesOf(golden: Golden): number[] {
  const model = golden.build('stored');
  const weights = weightsByName(model);
  const variables = model.trainableWeights.map(
    (w) => w.read() as import('@tensorflow/tfjs').Variable,
  );
  const { x, labels } = golden.batch();
  const [batch] = x.shape as [number];
  const classes = golden.name === 'image' ? IMAGE.classes : TOKENS.vocabulary;
  let loss = 0;
  const logits: number[] = [];
  const gradients = variables.map(({ size }) => new Float64Array(size));
  for (let sample = 0; sample < batch; sample++) {
    const one = tf.slice(x, [sample], [1]);
    const own = tf.reshape(tf.slice(labels, [sample], [1]), [-1]) as never;
    const { value, grads } = tf.variableGrads(() => {
      const rows = logitsOf(golden.name, weights, one);
      if (logits.length < (sample + 1) * rows.size) logits.push(...rows.dataSync());
      return tf.losses.softmaxCrossEntropy(tf.oneHot(own, classes), rows).asScalar();
    }, variables);
    loss += (value.dataSync()[0] as number) / batch;
    variables.forEach(({ name }, i) => {
      grads[name]?.dataSync().forEach((value, j) => {
        const sum = gradients[i] as Float64Array;
        sum[j] = (sum[j] as number) + value / batch;
      });
    });
  }
  return [loss, ...logits, ...gradients.flatMap((values) => [...values])];
}

const computed = Object.fromEntries(GOLDENS.map((golden) => [golden.name, valuesOf(golden)]));

if (process.argv.includes('--check')) {
  for (const [name, values] of Object.entries(computed)) {
    const { buffer } = Uint8Array.from(
      Buffer.from(GOLDEN_VALUES[name as Golden['name']], 'base64'),
    );
    const kept = new Floats(buffer);
    const size = Math.hypot(...values);
    const off = Math.hypot(...values.map((value, i) => value - (kept[i] ?? NaN))) / size;
    if (kept.length === values.length && off <= TOLERANCE) continue;
    process.stderr.write(`src/doctor/golden_values.ts: ${name} is another, off by ${off}\n`);
    process.exitCode = 1;
  }
} else {
  const lines = Object.entries(computed).map(([name, values]) => {
    const bytes = Buffer.from(Floats.from(values).buffer);
    return `  ${name}:\n    '${bytes.toString('base64')}',`;
  });
  const text =
    '/** What the networks of golden.ts compute; scripts/doctor_goldens.ts makes this file, so do not edit it. */\n\n' +
    '/** Float32 as base64: the loss, the logits, then the gradient of each trainable weight, in their order. */\n' +
    `export const GOLDEN_VALUES = {\n${lines.join('\n')}\n};\n`;
  fs.writeFileSync(FILE, text);
}
