/** Files that someone chose in a page: decoded by the browser, evaluated without a synchronous read. */
import * as tf from '@tensorflow/tfjs';

import { evaluate, imageFiles } from 'tfjs-revcol';
import shown from '../../pictures/shown.json';
import { describeBackends, expectNoLeak } from '../../support/backends';

const NAMES = Object.keys(shown.files) as (keyof typeof shown.files)[];

/** As the file field of a page gives it for a chosen folder. */
function chosen(path: string, content: Uint8Array<ArrayBuffer> | string): File {
  const file = new File([content], path.split('/').at(-1) as string);
  return Object.defineProperty(file, 'webkitRelativePath', { value: path });
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

describeBackends('pictures in a page', () => {
  test('are read upright, as Pillow shows them', async () => {
    // Colours of CMYK are nobody's to know without a profile; transparent pixels are black here; and there are tags
    // that browsers do not look at.
    const isFirefox = navigator.userAgent.includes('Firefox');
    const passedOver = isFirefox ? /^(png|webp) turned [^1]/ : /^webp turned/;
    const names = NAMES.filter((name) => !/cmyk|alpha/.test(name) && !passedOver.test(name));
    const files = names.map((name) =>
      chosen(`all/${name.split(' ')[0]}/${name}`, bytesOf(shown.files[name].file)),
    );
    const named = files.map((file, i) => ({
      file,
      className: i % 2 ? 'odd' : 'even',
      name: names[i],
    }));
    const source = imageFiles(named);
    await Promise.all(
      names.map(async (name, i) => {
        const { width, height, rgb } = shown.files[name];
        const read = await source.read(i);
        expect([name, read.width, read.height]).toEqual([name, width, height]);
        const expected = bytesOf(rgb);
        const differences = read.data.map((value, at) =>
          Math.abs(value - (expected[at] as number)),
        );
        // Decoders of JPEG and WebP round in other ways; those of PNG do not.
        expect(Math.max(...differences)).toBeLessThanOrEqual(name.startsWith('png') ? 0 : 13);
      }),
    );
  });

  test('are evaluated; broken ones are named, or left out', async () => {
    const canvas = new OffscreenCanvas(8, 8);
    const context = canvas.getContext('2d') as OffscreenCanvasRenderingContext2D;
    const png = async (colour: string) => {
      context.fillStyle = colour;
      context.fillRect(0, 0, 8, 8);
      return new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
    };
    const source = imageFiles([
      chosen('data/0 red/1.png', await png('rgb(250, 10, 20)')),
      chosen('data/0 red/2.png', await png('rgb(10, 20, 250)')),
      chosen('data/1 green/1.png', await png('rgb(20, 250, 10)')),
      chosen('data/2 blue/1.png', await png('rgb(20, 10, 250)')),
      chosen('data/2 blue/2.png', 'broken'),
    ]);
    const model = tf.sequential({
      layers: [
        tf.layers.globalAveragePooling2d({ inputShape: [8, 8, 3], dataFormat: 'channelsLast' }),
      ],
    });
    await expectNoLeak(async () => {
      await expect(evaluate(model, source)).rejects.toThrow(/2 blue\/2\.png: cannot be decoded/);
      const got = await evaluate(model, source, { batchSize: 2, onError: 'skip' });
      expect([got.examples, got.top1, got.skipped.length]).toEqual([4, 0.75, 1]);
      expect(got.worst.map(({ name }) => name)).toEqual(['0 red/2.png']);
    });
    model.dispose();
  });
});
