/** COCO's JSON of annotations and of results: what is read, and what is refused. */
import { type CocoDataset, parseCoco, parseCocoResults } from 'tfjs-revcol';

const image = (id: number, more: object = {}) => ({ id, width: 20, height: 10, ...more });
const category = (id: number, name: string) => ({ id, name, supercategory: 'thing' });
const annotation = (id: number, more: object = {}) => ({
  id,
  image_id: 1,
  category_id: 3,
  bbox: [1, 2, 3, 4],
  ...more,
});

const GIVEN = {
  info: { year: 2026 },
  images: [image(1, { file_name: 'a/1.png', license: 4 }), image(2)],
  categories: [category(7, 'dog'), category(3, 'cat')],
  annotations: [
    annotation(0, { area: 7.5, iscrowd: 1, segmentation: { size: [10, 20], counts: '`6' } }),
    annotation(5, { segmentation: [[0, 0, 4, 0, 4, 4]], iscrowd: false }),
    annotation(6, { segmentation: [] }),
  ],
};

test('what is needed is read, from text or as it is', () => {
  const bbox = [1, 2, 3, 4];
  const expected = {
    images: [{ id: 1, width: 20, height: 10, file_name: 'a/1.png' }, image(2)],
    categories: [
      { id: 3, name: 'cat' },
      { id: 7, name: 'dog' },
    ],
    annotations: [
      {
        ...{ id: 0, image_id: 1, category_id: 3, bbox, area: 7.5, iscrowd: 1 },
        segmentation: { size: [10, 20], counts: '`6' },
      },
      {
        ...{ id: 5, image_id: 1, category_id: 3, bbox, area: 12, iscrowd: 0 },
        segmentation: [[0, 0, 4, 0, 4, 4]],
      },
      { id: 6, image_id: 1, category_id: 3, bbox, area: 12, iscrowd: 0 },
    ],
  };
  expect(parseCoco(GIVEN)).toEqual(expected);
  expect(parseCoco(`\uFEFF${JSON.stringify(GIVEN)}`)).toEqual(expected);
  expect(parseCoco({ images: [], annotations: [], categories: [] }).images).toEqual([]);
});

/** The whole with one part changed. */
const withPart = (part: 'images' | 'categories' | 'annotations', ...entries: unknown[]) => ({
  ...GIVEN,
  [part]: [...GIVEN[part], ...entries],
});
const withAnnotation = (more: object) => withPart('annotations', annotation(9, more));

test.each<[string, unknown, RegExp]>([
  ['no JSON', '{"images": [', /^parseCoco: my.json are no JSON: /],
  ['nothing', undefined, /my.json is undefined; expected COCO's \{ images/],
  ['a list', [], /my.json is \[\]; expected COCO's/],
  ['no lists', {}, /my.json has categories undefined; expected COCO's/],
  ['images as an object', { ...GIVEN, images: {} }, /has images \{\}/],
  ['no image', withPart('images', null), /image number 2 is null; expected an object/],
  [
    'an image without id',
    withPart('images', { width: 1, height: 1 }),
    /image number 2 has the id undefined/,
  ],
  [
    'an id as text',
    withPart('images', image('1' as never)),
    /image number 2 has the id "1"; expected a whole/,
  ],
  [
    'an image twice',
    withPart('images', image(2)),
    /image number 2 has the id 2, which another has/,
  ],
  [
    'an image without size',
    withPart('images', { id: 3 }),
    /\[height, width\] of image 3 is \[null, null\]/,
  ],
  ['an image of no pixel', withPart('images', image(3, { width: 0 })), /of image 3 is \[10, 0\]/],
  [
    'an image too large',
    withPart('images', image(3, { width: 1e12 })),
    /at most 4294967295 of them/,
  ],
  ['no path', withPart('images', image(3, { file_name: 5 })), /image 3 has the file_name 5/],
  [
    'a category twice',
    withPart('categories', category(7, 'x')),
    /category number 2 has the id 7, which another/,
  ],
  [
    'a name twice',
    withPart('categories', category(8, 'cat')),
    /category 8 is named "cat" as another is/,
  ],
  ['no name', withPart('categories', { id: 8 }), /category 8 has the name undefined/],
  [
    'an annotation twice',
    withPart('annotations', annotation(5)),
    /annotation number 3 has the id 5, which/,
  ],
  [
    'an unknown image',
    withAnnotation({ image_id: 4 }),
    /annotation 9 is of image 4, which is not among images/,
  ],
  [
    'an unknown category',
    withAnnotation({ category_id: '3' }),
    /annotation 9 is of category "3", which is not/,
  ],
  [
    'no box',
    withAnnotation({ bbox: undefined }),
    /the bbox of annotation 9 is undefined; expected \[x, y, width/,
  ],
  [
    'numbers beyond all pictures',
    withAnnotation({ bbox: [0, 0, 1e160, 1e160] }),
    /bbox of annotation 9 is \[0, 0, 1e\+160, 1e\+160\]; expected \[x, y, width, height\] in pixels, at most/,
  ],
  ['three numbers', withAnnotation({ bbox: [1, 2, 3] }), /bbox of annotation 9 is \[1, 2, 3\]/],
  ['null in a box', withAnnotation({ bbox: [1, null, 3, 4] }), /bbox of annotation 9/],
  ['a negative side', withAnnotation({ bbox: [1, 2, -3, 4] }), /width and height not below 0/],
  ['a negative area', withAnnotation({ area: -1 }), /annotation 9 has the area -1/],
  ['a crowd of 2', withAnnotation({ iscrowd: 2 }), /annotation 9 has iscrowd 2; expected 0 or 1/],
  [
    'a polygon of two corners',
    withAnnotation({ segmentation: [[1, 2, 3, 4]] }),
    /the segmentation of annotation 9 has a polygon \[1, 2, 3, 4\]; expected .*three corners/,
  ],
  ['an odd number', withAnnotation({ segmentation: [[1, 2, 3, 4, 5, 6, 7]] }), /has a polygon/],
  [
    'a flat polygon',
    withAnnotation({ segmentation: [1, 2, 3, 4, 5, 6] }),
    /has a polygon 1; expected/,
  ],
  [
    'run lengths of another size',
    withAnnotation({ segmentation: { size: [20, 10], counts: '`6' } }),
    /of its picture's size \[10, 20\]/,
  ],
  [
    'run lengths without counts',
    withAnnotation({ segmentation: { size: [10, 20] } }),
    /expected polygons, or run/,
  ],
  [
    'a text for a mask',
    withAnnotation({ segmentation: '`6' }),
    /segmentation of annotation 9 is "`6"/,
  ],
])('annotations: %s', (_, json, message) => {
  expect(() => parseCoco(json, 'my.json')).toThrow(message);
});

describe('results', () => {
  const dataset: CocoDataset = parseCoco(GIVEN);
  const result = (more: object = {}) => ({
    image_id: 2,
    category_id: 7,
    score: 0.25,
    bbox: [0, 0, 1, 1],
    ...more,
  });

  test('boxes, masks, or both', () => {
    const mask = { size: [10, 20], counts: [200] };
    const given = [
      result({ extra: 1 }),
      result({ bbox: undefined, segmentation: mask }),
      result({ bbox: [], segmentation: [[0, 0, 9, 0, 9, 9]], score: -3 }),
      result({ segmentation: null }),
    ];
    const [first, second, third, fourth] = parseCocoResults(JSON.stringify(given), dataset);
    expect(first).toEqual(result());
    expect(second).toEqual({ image_id: 2, category_id: 7, score: 0.25, segmentation: mask });
    expect(third).toEqual({
      ...{ image_id: 2, category_id: 7, score: -3 },
      segmentation: [[0, 0, 9, 0, 9, 9]],
    });
    expect(fourth).toEqual(result());
    expect(parseCocoResults('[]', dataset)).toEqual([]);
  });

  test.each<[string, unknown, RegExp]>([
    ['no JSON', 'nothing', /^parseCocoResults: found.json are no JSON/],
    ['no list', { image_id: 1 }, /found.json is .*; expected a list/],
    ['no object', [5], /found.json: entry 0 is 5; expected an object/],
    [
      'an unknown image',
      [result(), result({ image_id: 9 })],
      /entry 1 is of image 9, which the annotations/,
    ],
    [
      'an unknown category',
      [result({ category_id: 1 })],
      /entry 0 is of category 1, which the annotations/,
    ],
    ['no score', [result({ score: undefined })], /entry 0 has the score undefined/],
    ['a score as text', [result({ score: '0.5' })], /entry 0 has the score "0.5"/],
    ['neither', [result({ bbox: undefined })], /entry 0 has neither bbox nor segmentation/],
    ['a negative box', [result({ bbox: [0, 0, 1, -1] })], /entry 0: bbox is \[0, 0, 1, -1\]/],
    [
      'a mask of another size',
      [result({ segmentation: { size: [1, 1], counts: '1' } })],
      /entry 0: segmentation is .* \[10, 20\]/,
    ],
    [
      'a bad polygon',
      [result({ segmentation: [[1]] })],
      /entry 0: segmentation has a polygon \[1\]/,
    ],
  ])('%s', (_, json, message) => {
    expect(() => parseCocoResults(json, dataset, 'found.json')).toThrow(message);
  });

  test('without a dataset', () => {
    expect(() => parseCocoResults([], GIVEN.info as never)).toThrow(
      /dataset is .*expected what parseCoco gives/,
    );
  });
});

test('names that objects have of themselves are ids and names like any other', () => {
  const json =
    '{"images": [{"id": 1, "width": 2, "height": 2, "__proto__": {"width": 5}}], "annotations": [],' +
    '"categories": [{"id": 1, "name": "__proto__"}, {"id": 2, "name": "constructor"}]}';
  const { images, categories } = parseCoco(json);
  expect(images).toEqual([{ id: 1, width: 2, height: 2 }]);
  expect(categories.map(({ name }) => name)).toEqual(['__proto__', 'constructor']);
});
