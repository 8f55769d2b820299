/** What `train` opens: what is open is closed when a part beside it cannot be opened. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { DETECTORS } from '../../src/cli/train/detector';
import { openMapsFolder, openTrainingFolder } from '../../src/cli/train/folder';
import { cocoFolder } from '../../src/pictures/coco_folder';
import { imageFolder } from '../../src/pictures/image_folder';
import { segmentationFolder } from '../../src/pictures/segmentation_folder';
import { folderOf } from '../pictures/folders';

jest.mock('../../src/pictures/coco_folder', () => ({ cocoFolder: jest.fn() }));
jest.mock('../../src/pictures/image_folder', () => ({ imageFolder: jest.fn() }));
jest.mock('../../src/pictures/segmentation_folder', () => ({ segmentationFolder: jest.fn() }));

let place: string;
beforeAll(() => {
  const parts = ['train', 'val', 'test'].map((part) => [`${part}/a`, new Uint8Array(1)] as const);
  place = folderOf(Object.fromEntries(parts));
});
afterAll(() => fs.rmSync(place, { recursive: true }));

const options = { coco: 'train.json', cocoVal: 'val.json' } as never;
test.each([
  ['classes', imageFolder, 3, () => openTrainingFolder(place)],
  ['maps', segmentationFolder, 3, () => openMapsFolder(place, place, { classNames: ['a'] })],
  ['annotations', cocoFolder, 2, () => DETECTORS.open(path.join(place, 'train'), options)],
])('of %s', async (_, opens, count, openAll) => {
  const mock = opens as unknown as jest.Mock;
  for (let failing = 1; failing <= count; failing++) {
    const closed: number[] = [];
    let opened = 0;
    mock.mockImplementation(() => {
      const number = ++opened;
      if (number === failing + 1) return Promise.reject(new Error('is broken'));
      return Promise.resolve({
        classNames: ['a'],
        close: () => Promise.resolve(void closed.push(number)),
      });
    });
    const all = Array.from({ length: failing }, (_one, i) => i + 1);
    if (failing < count) await expect(openAll()).rejects.toThrow('is broken');
    else await (await openAll()).close();
    expect(closed).toEqual(all);
  }
});
