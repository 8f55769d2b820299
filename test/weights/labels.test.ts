/** Names and colours of classes, as files say them and as callers give them. */
import { type LabelMetadata, readLabels, requireLabels } from '../../src/weights/label_metadata';
import { PickleDict, type PickleValue } from '../../src/weights/pickle/values';

function dict(entries: Record<string, PickleValue>): PickleDict {
  const made = new PickleDict();
  for (const [key, value] of Object.entries(entries)) made.set(key, value);
  return made;
}

const COLOURS = [
  [1, 2, 3],
  [4, 5, 6],
];
const BOTH = { classes: ['a', 'b'], palette: COLOURS };

test.each<[string, Record<string, PickleValue>, object]>([
  ['under meta', { meta: dict({ CLASSES: ['a', 'b'], PALETTE: COLOURS }) }, BOTH],
  [
    'under what mmengine writes',
    { meta: dict({ dataset_meta: dict({ classes: ['a', 'b'], palette: COLOURS }) }) },
    BOTH,
  ],
  ['as JSON', { classes: '["a","b"]', palette: '[[1,2,3],[4,5,6]]' }, BOTH],
  [
    'under meta, whatever the JSON says',
    { meta: dict({ CLASSES: ['a'] }), classes: '["b"]' },
    { classes: ['a'] },
  ],
  ['in another form', { classes: '[1]', palette: '[[1,2]]' }, {}],
])('read %s', (_, metadata, expected) => {
  expect(readLabels(new Map(Object.entries(metadata)))).toEqual(expected);
});

test('have to be one name and one colour per class', () => {
  const check = (labels: unknown) => () => requireLabels('save', labels as LabelMetadata);
  expect(check({ classes: 'ab' })).toThrow('save: classes has to be a list of names');
  expect(check({ palette: [[0, 0, 256]] })).toThrow('save: palette has to be a list of [red');
  expect(check({ classes: ['a'], palette: COLOURS })).toThrow('1 classes and 2 colours in palette');
  expect(check(BOTH)).not.toThrow();
  expect(check({ classes: ['a'] })).not.toThrow();
});
