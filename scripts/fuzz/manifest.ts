/**
 * The JSON that tells of weights: `model.json` beside a weight file, the index of a checkpoint in several files,
 * what is said of a saved training. The first byte of an input says which.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { readModel } from '../../src/model_files/read_model';
import { openTraining } from '../../src/training/training_file';
import { memorySource } from '../../src/weights/bytes/source';
import { parseIndex } from '../../src/weights/sharded_checkpoint';
import { type FuzzTarget, isCheckpointError } from './target';

/** Bytes of the one weight file. */
const WEIGHT_BYTES = 16;

let folder: string | undefined;

function modelFolder(): string {
  if (folder === undefined) {
    const made = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-fuzz-'));
    process.on('exit', () => fs.rmSync(made, { recursive: true, force: true }));
    fs.writeFileSync(path.join(made, 'w.bin'), new Uint8Array(WEIGHT_BYTES));
    folder = made;
  }
  return folder;
}

async function model(json: Uint8Array): Promise<string> {
  const file = path.join(modelFolder(), 'model.json');
  fs.writeFileSync(file, json);
  const { weightSpecs, weightData } = await readModel(file);
  const bytes = [weightData ?? []].flat().reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (bytes > WEIGHT_BYTES * 64) throw new Error(`${bytes} bytes were read`);
  return `${weightSpecs?.length ?? 0} weights`;
}

/** A saved training of which nothing is known but what the JSON says. */
async function training(json: Uint8Array): Promise<string> {
  const header = JSON.stringify({
    __metadata__: { format: 'pt', tfjs_revcol_training: '1' },
    training: { dtype: 'U8', shape: [json.length], data_offsets: [0, json.length] },
    checksum: { dtype: 'U8', shape: [4], data_offsets: [json.length, json.length + 4] },
  });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const bytes = Buffer.concat([length, Buffer.from(header), json, new Uint8Array(4)]);
  const file = await openTraining(memorySource(bytes));
  await file.close();
  return `step ${file.manifest.step}`;
}

export const target: FuzzTarget = {
  file: (input) => input,
  read: async (file) => {
    const [kind = 0] = file;
    const json = file.subarray(1);
    if (kind % 3 === 0) return model(json);
    if (kind % 3 === 1) return parseIndex(json)?.shards.size ?? 'no index';
    return training(json);
  },
  isRefusal: isCheckpointError,
};
