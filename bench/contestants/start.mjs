/**
 * A start as users have it: plain imports, a network, its first result. Started by the suite:
 *
 *   node bench/contestants/start.mjs tfjs-revcol|tfjs wasm|tensorflow
 *
 * With `tfjs` a matrix product takes the network's place: what tfjs and its backend take anyway.
 */
import { createRequire } from 'node:module';

const [what, backend] = process.argv.slice(2);
const say = (step, rest = {}) => {
  process.stdout.write(`@bench ${JSON.stringify({ step, ...rest })}\n`);
};

say('process');
const tf = await import('@tensorflow/tfjs-core');
tf.enableProdMode();
if (backend === 'tensorflow') {
  createRequire(new URL('../../.native/package.json', import.meta.url))(
    '@tensorflow/tfjs-node-gpu',
  );
} else {
  await import('@tensorflow/tfjs-backend-wasm');
}
const revcol = what === 'tfjs' ? null : await import('tfjs-revcol');
say('imports');
await tf.setBackend(backend);
await tf.ready();
say('backend');
if (revcol) {
  const model = revcol.createModel('revcol_tiny');
  say('network');
  const images = tf.zeros([1, 224, 224, 3]);
  await model.predict(images).data();
  say('first result');
  await model.predict(images).data();
} else {
  await tf.matMul(tf.ones([64, 64]), tf.ones([64, 64])).data();
  say('first result');
  await tf.matMul(tf.ones([64, 64]), tf.ones([64, 64])).data();
}
say('second result', { versions: { 'tfjs-core': tf.version_core, node: process.version } });
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
