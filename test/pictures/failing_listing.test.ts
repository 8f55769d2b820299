/** A disk that fails while a folder of pictures is listed. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { imageFolder } from 'tfjs-revcol/node';
import { disk } from '../support/failing_disk';
import { folderOf, plainPng } from './folders';

jest.mock('node:fs/promises', () =>
  jest.requireActual<typeof import('../support/failing_disk')>('../support/failing_disk').brittle(),
);

test('whatever cannot be listed is named', async () => {
  const png = plainPng([1, 2, 3]);
  const place = folderOf({ 'cat/1.png': png, 'cat/deep/2.png': png, 'dog/1.png': png });
  fs.symlinkSync(path.join(place, 'cat/1.png'), path.join(place, 'dog/2.png'));
  disk.calls = [];
  disk.failAt = undefined;
  expect((await imageFolder(place)).length).toBe(4);
  const count = disk.calls.length;
  expect(count).toBeGreaterThan(5);
  for (let n = 1; n <= count; n++) {
    disk.calls = [];
    disk.failAt = n;
    await expect(imageFolder(place)).rejects.toThrow(
      /imageFolder: \/.*revcol-pictures-\w+(\/(cat|dog)(\/deep|\/2\.png)?)? cannot be listed: EIO/,
    );
  }
  disk.failAt = undefined;
  fs.rmSync(place, { recursive: true });
});
