/** What training scripts keep beside the weights, at length, is no reason to refuse them. */
import { openCheckpoint } from '../../src/weights/open_checkpoint';
import { OP } from '../../src/weights/pickle/opcodes';
import { isOpaque, PickleDict } from '../../src/weights/pickle/values';
import {
  buildPth,
  bytesOf,
  global,
  type Piece,
  tensor,
  text,
  uint32,
} from './support/build_pickle';
import { concat } from './support/mutate';

const COUNT = 300_000;
const BATCH = 1000;
const SAMPLE = Float64Array.of(0.25);
const BIG_ENDIAN = new Uint8Array(SAMPLE.buffer).slice().reverse();
const loss = bytesOf(OP.BINFLOAT, BIG_ENDIAN);

/** A piece of a pickle, and where in it which number goes. */
interface Item {
  readonly bytes: Uint8Array;
  readonly numbers: readonly (readonly [at: number, of: (i: number) => number])[];
}

/** As Python's pickler writes long lists and dicts: in batches, each with a mark. */
function batches({ bytes, numbers }: Item, end: number): Uint8Array {
  const length = 2 + BATCH * bytes.length;
  const all = new Uint8Array((COUNT / BATCH) * length);
  const view = new DataView(all.buffer);
  for (let i = 0; i < COUNT; i++) {
    const batch = Math.floor(i / BATCH) * length;
    const at = batch + 1 + (i % BATCH) * bytes.length;
    all[batch] = OP.MARK;
    all[batch + length - 1] = end;
    all.set(bytes, at);
    for (const [offset, of] of numbers) view.setUint32(at + offset, of(i), true);
  }
  return all;
}

/** Numbers stand where an instruction with four bytes is, in this order. */
function itemOf(piece: Piece, numbers: readonly ((i: number) => number)[] = []): Item {
  const bytes = bytesOf(piece);
  const places = [...bytes.keys()].filter((at) => HOLE.every((byte, i) => bytes[at + i] === byte));
  expect(places).toHaveLength(numbers.length);
  return { bytes, numbers: numbers.map((of, n) => [places[n] as number, of] as const) };
}

const HOLE = Uint8Array.of(0xab, 0xcd, 0xef, 0x99);
const STEP: Piece = [OP.BININT, HOLE];
const PUT: Piece = [OP.LONG_BINPUT, HOLE];
const remember = (value: Piece, at: number): Piece => [value, OP.BINPUT, at, OP.POP];

/** `numpy.float64`, as protocol 2 writes it with all that it remembers. */
const SCALAR = (): Item =>
  itemOf(
    [
      [OP.BINGET, 1, OP.BINGET, 2, OP.BINGET, 3, text('\0\0\0\0\0\0Ð?'), PUT, OP.BINGET, 4],
      [OP.TUPLE2, PUT, OP.REDUCE, PUT, OP.TUPLE2, PUT, OP.REDUCE, PUT],
    ],
    [0, 1, 2, 3, 4].map((k) => (i) => 5 + 5 * i + k),
  );
const NUMPY: Piece = [
  remember(global('numpy.core.multiarray', 'scalar'), 1),
  remember(global('numpy', 'dtype'), 2),
  remember(global('_codecs', 'encode'), 3),
  remember(text('latin1'), 4),
];
const RECORD = (): Item =>
  itemOf(
    [
      [OP.EMPTY_DICT, PUT, OP.MARK, OP.BINGET, 1, STEP],
      [OP.BINGET, 2, loss, OP.BINGET, 3, loss, OP.SETITEMS],
    ],
    [(i) => 4 + i, (i) => i],
  );
const NAMES: Piece = ['step', 'loss', 'lr'].map((name, i) => remember(text(name), 1 + i));
const asIs = (i: number): number => i;

const LOGS: Record<string, () => Piece> = {
  numbers: () => [OP.EMPTY_LIST, batches(itemOf(loss), OP.APPENDS)],
  'numbers by step': () => [OP.EMPTY_DICT, batches(itemOf([STEP, loss], [asIs]), OP.SETITEMS)],
  pairs: () => [OP.EMPTY_LIST, batches(itemOf([STEP, loss, OP.TUPLE2], [asIs]), OP.APPENDS)],
  records: () => [NAMES, OP.EMPTY_LIST, batches(RECORD(), OP.APPENDS)],
  'NumPy scalars': () => [NUMPY, OP.EMPTY_LIST, batches(SCALAR(), OP.APPENDS)],
};

const STORAGES = { 0: new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer) };

test.each(Object.keys(LOGS))(`${COUNT} losses as %s`, async (kind) => {
  const log = bytesOf((LOGS[kind] as () => Piece)());
  const weights = [OP.EMPTY_DICT, text('w'), tensor(), OP.SETITEM];
  for (const isFlat of [false, true]) {
    const model = isFlat ? [text('w'), tensor()] : [text('model'), weights];
    const pickle = bytesOf(
      [OP.PROTO, 2, OP.EMPTY_DICT, model, OP.SETITEM],
      [text('log'), log, OP.SETITEM, OP.STOP],
    );
    const checkpoint = await openCheckpoint(buildPth(pickle, STORAGES));
    expect([...(await checkpoint.read('w'))]).toEqual([1, 2, 3, 4]);
    const kept = checkpoint.metadata.get('log');
    // Dicts beside the weights of a flat file may hold weights, and are no metadata.
    if (kept === undefined) expect([isFlat, kind]).toEqual([true, 'numbers by step']);
    else if (kept instanceof PickleDict) expect([kept.size, kept.get(7)]).toEqual([COUNT, 0.25]);
    else {
      expect(kept).toHaveLength(COUNT);
      const last = (kept as unknown[])[COUNT - 1];
      if (kind.startsWith('numbers')) expect(last).toBe(0.25);
      if (kind === 'pairs') expect(last).toEqual([COUNT - 1, 0.25]);
      if (kind === 'records') expect((last as PickleDict).get('step')).toBe(COUNT - 1);
      if (kind === 'NumPy scalars') expect(isOpaque(last as null)).toBe(true);
    }
  }
});

test('a memo that is numbered as no pickler does cannot grow without end', async () => {
  const far = concat(
    ...Array.from({ length: 70_000 }, (_, i) => bytesOf(OP.LONG_BINPUT, uint32(7 + 9 * i))),
  );
  const opening = openCheckpoint(buildPth(bytesOf(OP.PROTO, 2, OP.EMPTY_DICT, far, OP.STOP)));
  await expect(opening).rejects.toMatchObject({ code: 'unsupported' });
});
