/**
 * A small UPerNet on RevCol learns to segment scenes of Fashion-MNIST's items, beside the same network in
 * PyTorch: the same scenes, weights to begin with, steps, loss, schedule and optimizer.
 *
 *   npx tsx examples/scenes.ts export --data fashion-mnist      scenes and all that the other contestant needs
 *   npx tsx examples/scenes.ts train       trains and evaluates; goes on where it was stopped
 *   .peers/python/bin/python examples/scenes/torch_contestant.py --peer dense_torch.py
 *   npx tsx examples/scenes.ts compare     stored and reversible; examples/scenes/results.json
 *   npx tsx examples/scenes.ts pictures    docs/assets/scenes.png
 *   npx tsx examples/scenes.ts write --data fashion-mnist       scenes as folders of PNG files, with COCO's JSON
 */
import { compare, exportAll, trainAndMeasure } from './scenes/contest';
import { paint } from './scenes/pictures';
import { writeFolders } from './scenes/write';
import { startBackend } from './shared/backend';
import { readArguments } from './shared/command';

const { values, positionals } = readArguments(import.meta.url, {
  allowPositionals: true,
  options: {
    /** The folder that holds the four files as they are published. */
    data: { type: 'string' },
    out: { type: 'string', default: 'out/scenes' },
    backend: { type: 'string', default: 'wasm' },
    backprop: { type: 'string', default: 'reversible' },
    /** Scenes for training that `write` writes. */
    count: { type: 'string', default: '2000' },
  },
});

await main();

async function main(): Promise<void> {
  const [task = ''] = positionals;
  const { data, out, backprop } = values;
  if (backprop !== 'reversible' && backprop !== 'stored') {
    throw new Error(`--backprop is ${backprop}; expected reversible or stored`);
  }
  if (task === 'write') {
    const count = Number(values.count);
    if (Number.isInteger(count) && count > 0) return writeFolders(given(data), out, count);
    throw new Error(`--count is ${values.count}; expected a whole number above 0`);
  }
  await startBackend(values.backend);
  if (task === 'export') return exportAll(given(data), out);
  if (task === 'train') return trainAndMeasure(out, backprop);
  if (task === 'compare') return compare(out);
  if (task === 'pictures') return paint(out);
  throw new Error(`${task || 'no task'} is none of export, train, compare, pictures, write`);
}

function given(data: string | undefined): string {
  if (data !== undefined) return data;
  throw new Error('give --data, the folder of Fashion-MNIST');
}
