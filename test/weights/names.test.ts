/** Names and layouts of weights, as pure functions of names and shapes. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { compareNames } from '../../src/weights/names/compare_names';
import { type MappedWeight, modelWeights } from '../../src/weights/names/model_weights';
import { decoderOfOwn, nameMapping } from '../../src/weights/names/name_mapping';
import {
  findPrefix,
  isBesideBackbone,
  isClassifier,
  isDecoder,
  isDenseLogits,
  setPrefixes,
  withoutPrefix,
  withoutSupervision,
} from '../../src/weights/names/published_names';
import {
  ALPHA,
  CONVOLUTION,
  COUNT,
  DEPTHWISE,
  FLATTENED,
  LINEAR,
  OWN,
  POINTWISE,
  TRANSPOSED,
  VECTOR,
  type WeightLayout,
} from '../../src/weights/names/weight_layout';

/** Place of an element in a list of all, and back. */
const flat = (at: readonly number[], shape: readonly number[]) =>
  at.reduce((sum, index, d) => sum * (shape[d] as number) + index, 0);
function unflat(place: number, shape: readonly number[]): number[] {
  const at: number[] = [];
  let left = place;
  for (const size of [...shape].reverse()) {
    at.unshift(left % size);
    left = Math.floor(left / size);
  }
  return at;
}

type Move = (at: number[]) => number[];

/** PyTorch's shape and ours, and where an element of the one is in the other. */
const LAYOUTS: [WeightLayout, number[], number[], Move][] = [
  [VECTOR, [5], [5], (at) => at],
  [COUNT, [], [], (at) => at],
  [OWN, [2, 3, 4], [2, 3, 4], (at) => at],
  [ALPHA, [1, 7, 1, 1], [7], (at) => [at[1] as number]],
  [LINEAR, [67, 34], [34, 67], (at) => at.reverse()],
  [POINTWISE, [6, 35, 1, 1], [35, 6], (at) => [at[1] as number, at[0] as number]],
  [CONVOLUTION, [5, 3, 2, 4], [2, 4, 3, 5], (at) => pick(at, 2, 3, 1, 0)],
  [TRANSPOSED, [3, 5, 2, 4], [3, 2, 4, 5], (at) => pick(at, 0, 2, 3, 1)],
  [DEPTHWISE, [40, 1, 3, 2], [3, 2, 40, 1], (at) => pick(at, 2, 3, 0, 1)],
  [
    FLATTENED,
    [3, 2 * 49],
    [7, 7, 2, 3],
    (at) => {
      const [channel, y, x] = unflat(at[1] as number, [2, 7, 7]) as [number, number, number];
      return [y, x, channel, at[0] as number];
    },
  ],
];

describe('layouts', () => {
  test.each(LAYOUTS)('$name: shapes and elements, there and back', (layout, published, own, to) => {
    expect(layout.ownShape(published)).toEqual(own);
    expect(layout.publishedShape(own)).toEqual(published);
    const size = published.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: size }, (_, i) => i);
    const moved = layout.toOwn(data, published);
    expect(moved).toHaveLength(size);
    data.forEach((value, i) => {
      if (moved[flat(to(unflat(i, published)), own)] !== value)
        throw new Error(`element ${i} of ${layout.name} is not where it belongs`);
    });
    expect(layout.toPublished(moved, own)).toEqual(data);
  });

  test.each<[WeightLayout, published: number[][], own: number[][]]>([
    [VECTOR, [[], [2, 3]], [[], [2, 3]]],
    [COUNT, [[1]], [[1]]],
    [ALPHA, [[7], [2, 7, 1, 1], [1, 7, 2, 1], [1, 7, 1, 2]], [[], [7, 1]]],
    [LINEAR, [[3], [3, 2, 1, 1]], [[3], [3, 2, 1]]],
    [
      POINTWISE,
      [
        [3, 2],
        [3, 2, 2, 1],
        [3, 2, 1, 2],
      ],
      [[3], [1, 1, 3, 2]],
    ],
    [
      CONVOLUTION,
      [
        [3, 2],
        [3, 2, 1],
      ],
      [
        [3, 2],
        [3, 2, 1, 1, 1],
      ],
    ],
    [
      TRANSPOSED,
      [
        [3, 2],
        [3, 2, 1],
      ],
      [
        [3, 2],
        [3, 2, 1, 1, 1],
      ],
    ],
    [
      DEPTHWISE,
      [
        [4, 3, 3],
        [4, 2, 3, 3],
      ],
      [
        [3, 3, 4],
        [3, 3, 4, 2],
      ],
    ],
    [
      FLATTENED,
      [[3, 50], [49], [3, 49, 1, 1]],
      [
        [7, 6, 2, 3],
        [6, 7, 2, 3],
        [7, 7, 2],
      ],
    ],
  ])('$name: what is no shape of it', (layout, published, own) => {
    for (const shape of published)
      expect({ shape, own: layout.ownShape(shape) }).toEqual({ shape });
    for (const shape of own)
      expect({ shape, published: layout.publishedShape(shape) }).toEqual({ shape });
  });
});

describe('names in files', () => {
  test('what stands before all of them', () => {
    expect(findPrefix([])).toBe('');
    expect(findPrefix(['cls.weight', 'a.b.stem.0.weight'])).toBe('a.b.');
    expect(findPrefix(['Xstem.0.weight', 'stem.0.weight.more'])).toBe('');
    // Of a part of a backbone.
    expect(findPrefix(['student.subnet0.alpha0', 'student.subnet0.alpha1'])).toBe('student.');
    // The stem is the surer sign.
    expect(setPrefixes(['x.subnet0.alpha0', 'y.stem.0.weight'])).toEqual(['y.']);
    // One set that has none before it is the one.
    expect(findPrefix(['ema.stem.0.weight', 'stem.0.weight'])).toBe('');
    const many = Array.from({ length: 7 }, (_, i) => `s${i}.stem.0.weight`);
    expect(() => findPrefix(many)).toThrow(/7 sets of weights; .*: s0\. s1\. s2\. s3\. s4\.$/);
  });

  test('without it, and what keeps its own', () => {
    const names = [
      'module.backbone.stem.0.weight',
      'module.decode_head.conv_seg.bias',
      'module.neck.fpn_convs.0.conv.bias',
      'module.other',
      'rpn_head.rpn_cls.bias',
      'module.ema_backbone_stem_0_weight',
      'ema_backbone_stem_0_bias',
    ];
    expect(Object.fromEntries(withoutPrefix(names, 'module.backbone.'))).toEqual({
      'stem.0.weight': 'module.backbone.stem.0.weight',
      'decode_head.conv_seg.bias': 'module.decode_head.conv_seg.bias',
      'neck.fpn_convs.0.conv.bias': 'module.neck.fpn_convs.0.conv.bias',
      'module.other': 'module.other',
      'rpn_head.rpn_cls.bias': 'rpn_head.rpn_cls.bias',
      ema_backbone_stem_0_bias: 'ema_backbone_stem_0_bias',
    });
    expect([...withoutPrefix(['model.decode_head.x'], 'model.').keys()]).toEqual(['decode_head.x']);
    const both = () => withoutPrefix(['a.w', 'w'], 'a.');
    expect(both).toThrow('holds both a.w and w; pass prefix');
    expect(both).toThrow(expect.objectContaining({ code: 'mismatch' }));
  });

  test.each<[string, (name: string) => boolean, yes: string[], no: string[]]>([
    [
      'classifiers',
      isClassifier,
      ['cls.classifier.1.bias', 'cls_blocks.12.classifier.0.weight'],
      ['xcls.classifier.1', 'cls_blocks.classifier.1', 'cls_blocks.a.classifier.1', 'cls.norm'],
    ],
    ['decoders', isDecoder, ['decoder_blocks.0.projback.0.bias'], ['x.decoder_blocks.0.a']],
    [
      'what stands beside a backbone',
      isBesideBackbone,
      ['decode_head.a', 'auxiliary_head.a', 'neck.a', 'rpn_head.a', 'roi_head.a'],
      ['stem.0.weight', 'cls.classifier.1.bias', 'xneck.a', 'neck', 'a.decode_head.b'],
    ],
    [
      'what depends on classes',
      isDenseLogits,
      [
        ...['decode_head.conv_seg.bias', 'auxiliary_head.conv_seg.weight'],
        ...['roi_head.bbox_head.0.fc_cls.bias', 'roi_head.bbox_head.12.fc_reg.bias'],
        'roi_head.mask_head.2.conv_logits.bias',
      ],
      [
        ...['decode_head.bottleneck.conv.weight', 'a.decode_head.conv_seg.bias'],
        ...['roi_head.bbox_head.0.shared_fcs.0.bias', 'a.roi_head.bbox_head.0.fc_cls.bias'],
        ...['roi_head.mask_head.0.upsample.bias', 'roi_head.mask_head.x.conv_logits.bias'],
      ],
    ],
  ])('%s are told by their names', (_, is, yes, no) => {
    expect(yes.filter((name) => !is(name))).toEqual([]);
    expect(no.filter(is)).toEqual([]);
  });

  test('of intermediate supervision the last classifier alone stays, as the only one', () => {
    const names = [
      ...['stem.0.weight', 'cls_blocks.2.classifier.1.bias', 'cls_blocks.10.classifier.1.bias'],
      ...['decoder_blocks.0.projback.0.bias', 'auxiliary_head.conv_seg.bias'],
      ...['decode_head.conv_seg.bias', 'cls.classifier.0.bias'],
    ];
    const kept = withoutSupervision(new Map(names.map((name) => [name, `in.${name}`])));
    expect(Object.fromEntries(kept)).toEqual({
      'stem.0.weight': 'in.stem.0.weight',
      'cls.classifier.1.bias': 'in.cls_blocks.10.classifier.1.bias',
      'decode_head.conv_seg.bias': 'in.decode_head.conv_seg.bias',
      'cls.classifier.0.bias': 'in.cls.classifier.0.bias',
    });
  });
});

test('a mapping knows the numbers of names, but not others, and both kinds of decoders', () => {
  const { toOwn, toPublished } = nameMapping();
  expect(toOwn('subnet12.level3.blocks.140.gamma')?.name).toBe(
    'backbone/column_12/level_3/block_140/layer_scale',
  );
  expect(toPublished('roi_head/box_2/shared_3/norm/batches')).toEqual({
    name: 'roi_head.bbox_head.2.shared_convs.3.bn.num_batches_tracked',
    layout: COUNT,
  });
  expect(toOwn('roi_head.mask_head.2.convs.1.conv.bias')?.name).toBe('roi_head/mask_2/conv_1/bias');
  for (const name of [
    'subnet{c}.alpha0',
    'subnet1234567.alpha0',
    'subnet0.alpha0.',
    'subnet00.alpha0',
  ])
    expect(toOwn(name)).toBeUndefined();
  expect(decoderOfOwn(['backbone/stem/norm/beta', 'decoder_10/norm/gamma'])).toBe('simple');
  expect(decoderOfOwn(['decoder_0/projection_0/norm/gamma', 'x/decoder_0/norm/a'])).toBe(
    'progressive',
  );
});

describe('comparing', () => {
  const weights = (shapes: Record<string, number[]>) =>
    new Map(
      Object.entries(shapes).map(([name, publishedShape]) => [
        name,
        { publishedShape } as unknown as MappedWeight,
      ]),
    );
  const compare = (
    model: Record<string, number[]>,
    file: Record<string, number[]>,
    dropHeads = false,
  ) => {
    const names = Object.keys(file);
    const entries = Object.entries(file).map(
      ([name, shape]) => [`p.${name}`, { dtype: 'float32', shape, bytes: 0 }] as const,
    );
    const inFile = new Map(names.map((name) => [name, `p.${name}`]));
    const found = compareNames(weights(model), inFile, new Map(entries), dropHeads);
    const lists: [string, readonly unknown[]][] = Object.entries({ ...found });
    return Object.fromEntries(lists.filter(([, list]) => list.length > 0));
  };
  const classifier = 'cls.classifier.1.bias';

  test('each name goes into one list', () => {
    expect(
      compare({ a: [2, 3], b: [2], c: [4], e: [1] }, { a: [2, 3], b: [2, 1], d: [], e: [2] }),
    ).toEqual({
      fitting: ['a'],
      misshapen: [
        { name: 'b', file: [2, 1], model: [2] },
        { name: 'e', file: [2], model: [1] },
      ],
      missing: ['c'],
      unexpected: ['d'],
    });
  });

  test('heads that do not fit are dropped as wholes, where that is asked for', () => {
    const model = { a: [1], [classifier]: [7], 'cls.classifier.0.bias': [3] };
    const file = { a: [1], [classifier]: [4], 'cls.classifier.0.bias': [3] };
    expect(compare(model, file, true)).toEqual({
      fitting: ['a'],
      dropped: [classifier, 'cls.classifier.0.bias'],
    });
    expect(compare(model, model, true)).toEqual({ fitting: Object.keys(model) });
    expect(compare(model, file)).toMatchObject({ misshapen: [{ name: classifier }] });
    // Of the weights of a body nothing is dropped.
    expect(compare({ a: [1] }, { a: [2] }, true)).toMatchObject({ misshapen: [{ name: 'a' }] });
    expect(compare({ a: [1] }, { a: [1], 'decoder_blocks.0.x': [2] }, true)).toEqual({
      fitting: ['a'],
      dropped: ['decoder_blocks.0.x'],
    });
  });

  test('parts beside a backbone that one side alone has are dropped, logits that differ as well', () => {
    for (const part of ['decode_head', 'auxiliary_head', 'neck']) {
      const both = { a: [1], [`${part}.x`]: [2] };
      expect(compare({ a: [1] }, both, true)).toEqual({ fitting: ['a'], dropped: [`${part}.x`] });
      expect(compare(both, { a: [1] }, true)).toEqual({ fitting: ['a'], dropped: [`${part}.x`] });
      expect(compare(both, both, true)).toEqual({ fitting: Object.keys(both) });
      expect(compare(both, { ...both, [`${part}.x`]: [3] }, true)).toMatchObject({
        misshapen: [{ name: `${part}.x` }],
      });
    }
    const segmenter = (classes: number) => ({
      'decode_head.conv_seg.bias': [classes],
      'decode_head.bottleneck.conv.weight': [1],
    });
    expect(compare(segmenter(4), segmenter(7), true)).toEqual({
      fitting: ['decode_head.bottleneck.conv.weight'],
      dropped: ['decode_head.conv_seg.bias'],
    });
  });
});

describe('weights of models', () => {
  const model = (weights: Record<string, [shape: number[], dtype?: string]>) => ({
    name: 'mine',
    weights: Object.entries(weights).map(
      ([originalName, [shape, dtype = 'float32']]) =>
        // A name may be there twice, told apart by spaces at its end.
        ({ originalName: originalName.trim(), shape, dtype }) as unknown as tfl.LayerVariable,
    ),
  });
  const published = (...args: Parameters<typeof modelWeights>) =>
    [...modelWeights(...args).mapped.values()].map((weight) => weight.published);

  test('layers are told by what only they have, whatever they are called', () => {
    const own = model({
      'x/rev_1/stem/norm/beta': [[2]],
      'x/rev_1/column_0/level_1/alpha': [[3]],
      'out/classifier/bias': [[4]],
      'seg/psp_0/norm/batches': [[]],
      'seg/logits/bias': [[5]],
      'aux/conv_0/norm/batches': [[]],
      'dense/kernel': [[2, 2]],
    });
    const found = modelWeights(own);
    expect([...found.mapped.keys()]).toEqual([
      ...['stem.1.bias', 'subnet0.alpha1', 'cls.classifier.1.bias'],
      ...['decode_head.psp_modules.0.1.bn.num_batches_tracked', 'decode_head.conv_seg.bias'],
      'auxiliary_head.convs.0.bn.num_batches_tracked',
    ]);
    expect(found.mapped.get('subnet0.alpha1')).toEqual({
      ...{ variable: own.weights[1], published: 'subnet0.alpha1' },
      ...{ publishedShape: [1, 3, 1, 1], layout: ALPHA },
    });
    expect(found.unmapped).toEqual(['dense/kernel']);
    expect(found.others.get('dense/kernel')).toEqual({
      ...{ variable: own.weights[6], published: 'dense/kernel' },
      ...{ publishedShape: [2, 2], layout: OWN },
    });
    // A layer that stands in two models is listed twice.
    expect(published({ ...own, weights: [...own.weights, ...own.weights] })).toHaveLength(6);
    expect([...modelWeights(model({ 'backbone/stem/norm/beta': [[2, 2]] })).others.keys()]).toEqual(
      ['backbone/stem/norm/beta'],
    );
  });

  test('where several could be meant, roles say which', () => {
    const two = model({ 'left/stem/norm/beta': [[2]], 'right/stem/norm/beta': [[2]] });
    expect(() => modelWeights(two)).toThrow(expect.objectContaining({ code: 'mismatch' }));
    expect(() => modelWeights(two)).toThrow(
      "Model mine has 2 layers that could be its backbone: left, right; say which with layers: {NAME: 'backbone'}",
    );
    expect(published(two, { right: 'backbone' })).toEqual(['stem.1.bias']);
    expect(modelWeights(two, { right: 'backbone' }).unmapped).toEqual(['left/stem/norm/beta']);
    // One is called so.
    const named = model({ 'backbone/stem/norm/beta': [[2]], 'right/stem/norm/beta': [[2]] });
    expect(modelWeights(named).unmapped).toEqual(['right/stem/norm/beta']);
    // Heads of intermediate supervision are numbered.
    const heads = model({ 'head_0/classifier/bias': [[2]], 'head_1/classifier/bias': [[2]] });
    expect(published(heads)).toEqual([0, 1].map((i) => `cls_blocks.${i}.classifier.1.bias`));
    const late = model({ 'head_10/classifier/bias': [[2]], 'head_11/classifier/bias': [[2]] });
    expect(published(late)).toEqual([10, 11].map((i) => `cls_blocks.${i}.classifier.1.bias`));
    expect(published(model({ 'my_head_0/classifier/bias': [[2]] }))).toEqual([
      'cls.classifier.1.bias',
    ]);
    // A column is a backbone's; what its blocks call a classifier is none.
    const part = model({
      'x/column_12/level_10/alpha': [[3]],
      'x/column_12/level_10/block_0/classifier/bias': [[2]],
      'out/classifier/bias': [[4]],
    });
    expect(published(part)).toEqual(['subnet12.alpha10', 'cls.classifier.1.bias']);
  });

  test('one name for two weights, another type, and names that two others share', () => {
    const twice = model({ 'backbone/stem/norm/beta': [[2]], 'backbone/stem/norm/beta ': [[2]] });
    expect(() => modelWeights(twice)).toThrow('Model mine has two weights for stem.1.bias; give');
    const int = model({ 'backbone/stem/norm/beta': [[2], 'int32'] });
    expect(() => modelWeights(int)).toThrow(
      'Weight backbone/stem/norm/beta of model mine is int32; expected float32',
    );
    const others = modelWeights(
      model({
        'a/kernel': [[1]],
        'a/kernel ': [[1]],
        'b/kernel': [[1], 'int32'],
        'c/kernel': [[1]],
      }),
    );
    expect([...others.others.keys()]).toEqual(['c/kernel']);
    expect(others.unmapped).toEqual(['a/kernel', 'a/kernel', 'b/kernel', 'c/kernel']);
  });
});

function pick(at: readonly number[], ...places: number[]): number[] {
  return places.map((place) => at[place] as number);
}
