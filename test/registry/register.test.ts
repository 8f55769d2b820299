/** What tfjs is told: every layer and optimizer of this package, and nothing is forgotten. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

const ROOMS = ['layers/columns', 'layers/transformer', 'training'];
const SRC = path.resolve(__dirname, '../../src');

/** All classes that a saved model may name, from all modules of a room. */
function classesIn(room: string): tf.serialization.SerializableConstructor<tf.layers.Layer>[] {
  const folder = path.join(SRC, room);
  const found = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((file) => {
    if (!file.endsWith('.ts')) return [];
    return Object.values(require(path.join(folder, file)) as Record<string, unknown>);
  });
  return [...new Set(found)].filter(
    (value): value is tf.serialization.SerializableConstructor<tf.layers.Layer> =>
      typeof value === 'function' &&
      value.prototype instanceof tf.serialization.Serializable &&
      Object.hasOwn(value, 'className'),
  );
}

const registered = (className: string) =>
  Object.hasOwn(tf.serialization.SerializationMap.getMap().classNameMap, className);

test.each(ROOMS)('loading the modules of %s registers nothing by itself', (room) => {
  const classes = classesIn(room);
  expect(classes.length).toBeGreaterThan(0);
  expect(classes.map(({ className }) => className).filter(registered)).toEqual([]);
});

test('each entry registers what it exports, and another time does nothing', () => {
  const names = (rooms: string[]) => rooms.flatMap(classesIn).map(({ className }) => className);
  const [layers, optimizers] = [names(ROOMS.slice(0, 2)), names(ROOMS.slice(2))];
  require('tfjs-revcol/text');
  require('tfjs-revcol/weights');
  expect([...layers, ...optimizers].filter(registered)).toEqual([]);
  require('tfjs-revcol/training');
  expect(optimizers.filter(registered)).toEqual(optimizers);
  expect(layers.filter(registered)).toEqual([]);
  require('tfjs-revcol/layers');
  expect(layers.filter(registered)).toEqual(layers);
  // Names that nobody else has.
  expect(new Set([...layers, ...optimizers]).size).toBe(layers.length + optimizers.length);
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
  require('tfjs-revcol');
  require('tfjs-revcol/models');
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});
