/** What tfjs is told: every layer and optimizer of this package, and nothing is forgotten. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

const ROOMS = ['layers/columns', 'layers/transformer', 'training'];
const SRC = path.resolve(__dirname, '../../src');

/** All classes that a saved model may name, from all modules of a room. */
async function classesIn(
  room: string,
): Promise<tf.serialization.SerializableConstructor<tf.layers.Layer>[]> {
  const folder = path.join(SRC, room);
  const files = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const modules = await Promise.all(
    files
      .filter((file) => file.endsWith('.ts'))
      .map((file) => import(path.join(folder, file)) as Promise<Record<string, unknown>>),
  );
  return [...new Set(modules.flatMap((module) => Object.values(module)))].filter(
    (value): value is tf.serialization.SerializableConstructor<tf.layers.Layer> =>
      typeof value === 'function' &&
      value.prototype instanceof tf.serialization.Serializable &&
      Object.hasOwn(value, 'className'),
  );
}

const registered = (className: string) =>
  Object.hasOwn(tf.serialization.SerializationMap.getMap().classNameMap, className);

test.each(ROOMS)('loading the modules of %s registers nothing by itself', async (room) => {
  const classes = await classesIn(room);
  expect(classes.length).toBeGreaterThan(0);
  expect(classes.map(({ className }) => className).filter(registered)).toEqual([]);
});

test('each entry registers what it exports, and another time does nothing', async () => {
  const names = async (rooms: string[]) =>
    (await Promise.all(rooms.map(classesIn))).flat().map(({ className }) => className);
  const layers = await names(ROOMS.slice(0, 2));
  const optimizers = await names(ROOMS.slice(2));
  await import('tfjs-revcol/text');
  await import('tfjs-revcol/weights');
  expect([...layers, ...optimizers].filter(registered)).toEqual([]);
  await import('tfjs-revcol/training');
  expect(optimizers.filter(registered)).toEqual(optimizers);
  expect(layers.filter(registered)).toEqual([]);
  await import('tfjs-revcol/layers');
  expect(layers.filter(registered)).toEqual(layers);
  // Names that nobody else has.
  expect(new Set([...layers, ...optimizers]).size).toBe(layers.length + optimizers.length);
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
  await import('tfjs-revcol');
  await import('tfjs-revcol/models');
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});
