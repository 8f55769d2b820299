/** What the page itself keeps of a run in the browser's database: choices and pictures. */
import { createStore, del, get, set } from 'idb-keyval';

import type { DataSet } from '../shared/pictures';
import type { Settings } from '../shared/settings';
import type { Measured } from './charts';

/** Beside what the worker saves: all that it takes to go on. */
export interface StoredRun {
  settings: Settings;
  data: DataSet;
  hasHead: boolean;
}

const store = createStore('tfjs-revcol-demo-page', 'page');

export const putRun = (run: StoredRun) => set('run', run, store);
export const getRun = () => get<StoredRun>('run', store);
export const removeRun = () => del('run', store);

/** Peaks that were measured in this browser, by situation. */
export const putMeasured = (key: string, measured: Measured[]) =>
  set(`peaks ${key}`, measured, store);
export const getMeasured = async (key: string) =>
  (await get<Measured[]>(`peaks ${key}`, store)) ?? [];
