/**
 * A small Cascade Mask R-CNN on RevCol learns to find the items of scenes, beside the same network in PyTorch: the
 * same scenes, weights to begin with, steps, losses, schedule and optimizer. The scenes are those of scenes.ts.
 *
 *   npx tsx examples/scenes-detection.ts export --data fashion-mnist     scenes and all that the other contestant needs;
 *                                                   --steps, --peak: length and learning rate; --held-out: to try them
 *   npx tsx examples/scenes-detection.ts train      trains and detects; goes on where it was stopped
 *   .peers/python/bin/python examples/scenes/detection/torch_contestant.py --peer dense_torch.py
 *   npx tsx examples/scenes-detection.ts compare    stored and reversible; examples/scenes/detection/results.json
 *   npx tsx examples/scenes-detection.ts pictures   docs/assets/scene-objects.png
 */
import { compare, exportAll, trainAndDetect } from './scenes/detection/contest';
import { paint } from './scenes/detection/pictures';
import { startBackend } from './shared/backend';
import { readArguments } from './shared/command';

const { values, positionals } = readArguments(import.meta.url, {
  allowPositionals: true,
  options: {
    /** The folder that holds the four files as they are published. */
    data: { type: 'string' },
    out: { type: 'string', default: 'out/scenes-detection' },
    backend: { type: 'string', default: 'wasm' },
    backprop: { type: 'string', default: 'reversible' },
    /** Of `export`: steps of training, and their highest learning rate. */
    steps: { type: 'string', default: '4000' },
    peak: { type: 'string', default: '2e-3' },
    /** Of `export`: scenes for testing are made of training items that the others are not made of. */
    'held-out': { type: 'boolean', default: false },
  },
});

await main();

async function main(): Promise<void> {
  const [task = ''] = positionals;
  const { data, out, backprop } = values;
  if (backprop !== 'reversible' && backprop !== 'stored') {
    throw new Error(`--backprop is ${backprop}; expected reversible or stored`);
  }
  if (task === 'export' && data === undefined) {
    throw new Error('give --data, the folder of Fashion-MNIST');
  }
  await startBackend(values.backend);
  if (task === 'export') {
    const [steps, peak] = [Number(values.steps), Number(values.peak)];
    if (!Number.isInteger(steps) || steps < 1 || !(peak > 0)) {
      throw new Error(
        `--steps is ${values.steps}, --peak ${values.peak}; expected an integer from 1, and a number above 0`,
      );
    }
    return exportAll(data as string, out, { steps, peak, heldOut: values['held-out'] });
  }
  if (task === 'train') return trainAndDetect(out, backprop);
  if (task === 'compare') return compare(out);
  if (task === 'pictures') return paint(out);
  throw new Error(`${task || 'no task'} is none of export, train, compare, pictures`);
}
