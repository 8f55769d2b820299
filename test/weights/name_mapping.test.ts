/** The one mapping between published names and ours, over every name of every published size. */
import * as tf from '@tensorflow/tfjs';

import { createModel, type ModelName } from 'tfjs-revcol';
import { type ModelSizeName, REVCOL_ARCHITECTURES } from '../../src/registry/architectures';
import { describeWeights } from '../../src/registry/describe';
import { modelWeights } from '../../src/weights/names/model_weights';
import { decoderOfPublished, nameMapping } from '../../src/weights/names/name_mapping';
import { useBackend } from '../support/backends';
import { describeGoldens, HAVE_GOLDENS, readGoldenJson } from '../support/goldens';
import { seededRandom } from './support/mutate';

type Shapes = Record<string, number[]>;

const PUBLISHED = HAVE_GOLDENS
  ? (readGoldenJson('parameter_shapes.json') as Record<string, Shapes>)
  : { none: {} };

const LISTS = Object.keys(PUBLISHED);
const SIZES = LISTS.filter((list) => !list.endsWith('_supervised'));

const sizeName = (list: string): ModelSizeName =>
  `revcol_${list.replace('_supervised', '')}` as ModelSizeName;

/** Small channels: names do not depend on them, and Huge is 8.6 GB. */
function smallModel(list: string, numClasses: number): tf.LayersModel {
  return createModel(sizeName(list) as ModelName, {
    inputShape: [32, 32, 3],
    channels: [1, 1, 1, 1],
    intermediateSupervision: list.endsWith('_supervised'),
    numClasses,
  });
}

describeGoldens('name mapping', () => {
  beforeAll(() => useBackend('cpu'));

  test.each(LISTS)('%s: there and back, names and shapes', (list) => {
    const shapes = PUBLISHED[list] as Shapes;
    const mapping = nameMapping(decoderOfPublished(Object.keys(shapes)));
    const own = new Set<string>();
    for (const [published, shape] of Object.entries(shapes)) {
      const there = mapping.toOwn(published);
      if (!there) throw new Error(`${published} has no name here`);
      own.add(there.name);
      const back = mapping.toPublished(there.name);
      expect(back?.name).toBe(published);
      expect(back?.layout).toBe(there.layout);
      const ownShape = there.layout.ownShape(shape);
      expect({ published, shape: there.layout.publishedShape(ownShape ?? []) }).toEqual({
        published,
        shape,
      });
    }
    expect(own.size).toBe(Object.keys(shapes).length);
  });

  test.each(SIZES)('%s: the weights of the model are these, in shape as well', (list) => {
    const shapes = PUBLISHED[list] as Shapes;
    const size = REVCOL_ARCHITECTURES[sizeName(list)];
    const mapping = nameMapping();
    const described = describeWeights({ ...size, numClasses: 1000, inputChannels: 3 });
    const found: Shapes = {};
    for (const { name, shape } of described) {
      const published = mapping.toPublished(name);
      if (!published) throw new Error(`${name} has no published name`);
      found[published.name] = published.layout.publishedShape(shape) ?? [];
    }
    expect(found).toEqual(shapes);
  });

  test.each(LISTS)('%s: a built model has all these weights, and no others', (list) => {
    const model = smallModel(list, 10);
    const { mapped, unmapped } = modelWeights(model);
    expect(unmapped).toEqual([]);
    expect([...mapped.keys()].sort()).toEqual(Object.keys(PUBLISHED[list] as Shapes).sort());
    model.dispose();
  });
});

describe('name mapping', () => {
  test('the simple decoder uses one published name for another weight', () => {
    const progressive = nameMapping('progressive');
    const simple = nameMapping('simple');
    const name = 'decoder_blocks.2.projback.0.weight';
    expect(progressive.toOwn(name)?.name).toBe('decoder_2/pixels/kernel');
    expect(simple.toOwn(name)?.name).toBe('decoder_2/norm/gamma');
    expect(simple.toPublished('decoder_2/pixels/kernel')?.name).toBe(
      'decoder_blocks.2.projback.1.weight',
    );
    expect(decoderOfPublished(['a', 'decoder_blocks.0.projback.1.bias'])).toBe('simple');
  });

  test.each([
    'stem.0.weights',
    'subnet01.alpha0',
    'subnet0.alpha-1',
    'Xstem.0.weight',
    'stemX0Xbias',
  ])('%s is nobody’s name', (name) => {
    expect(nameMapping().toOwn(name)).toBeUndefined();
  });

  test('elements go there and back bit for bit, and to where PyTorch’s layout says', () => {
    const random = seededRandom(3);
    const shapes: Shapes = {
      'stem.0.weight': [5, 3, 4, 4],
      'stem.0.bias': [5],
      'subnet1.alpha2': [1, 7, 1, 1],
      'subnet0.level1.blocks.0.dwconv.weight': [70, 1, 3, 3],
      'subnet0.level1.blocks.0.pwconv1.weight': [67, 34],
      'decoder_blocks.0.proj_layers.1.0.weight': [6, 35, 1, 1],
    };
    for (const [published, shape] of Object.entries(shapes)) {
      const { layout } = nameMapping().toOwn(published) ?? {};
      if (!layout) throw new Error(published);
      const size = tf.util.sizeFromShape(shape);
      const bits = Uint32Array.from({ length: size }, () => random() * 2 ** 32);
      const data = new Float32Array(bits.buffer);
      const own = layout.toOwn(data, shape);
      const ownShape = layout.ownShape(shape) ?? [];
      const back = layout.toPublished(own, ownShape);
      expect(Buffer.from(back.buffer).equals(Buffer.from(data.buffer))).toBe(true);
      if (shape.length === 4 && ownShape.length === 4) {
        // The element of output 1, input 0, row 2, column 1 (depthwise: channel 1).
        const [, into, height, width] = shape as [number, number, number, number];
        const from = ((1 * into + 0) * height + 2) * width + 1;
        const [, w, a, b] = ownShape as [number, number, number, number];
        const depthwise = published.includes('dwconv');
        const to = depthwise ? (2 * w + 1) * a * b + 1 : ((2 * w + 1) * a + 0) * b + 1;
        expect(new Uint32Array(own.buffer)[to]).toBe(bits[from]);
      }
    }
  });
});
