/** Records of trainings, one file each, by which a script knows what is done. */
import * as fs from 'node:fs';

/** What was recorded; undefined while there is no such file. */
export function readRecordFile(file: string): unknown {
  if (!fs.existsSync(file)) return undefined;
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}

/** Records it, and prints it. A file is there whole or not at all. */
export function writeRecordFile(file: string, record: object): void {
  fs.writeFileSync(`${file}.part`, `${JSON.stringify(record)}\n`);
  fs.renameSync(`${file}.part`, file);
  console.log(JSON.stringify(record));
}
