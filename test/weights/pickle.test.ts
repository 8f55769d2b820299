import { OP } from '../../src/weights/pickle/opcodes';
import { type PickleHooks, readPickle } from '../../src/weights/pickle/pickle';
import { isOpaque, PickleDict, type PickleValue } from '../../src/weights/pickle/values';
import { bytesOf, global, integer, pickleOf, text, tuple, uint32 } from './support/build_pickle';
import { readFixture } from './support/fixtures';

const HOOKS: PickleHooks = {
  persistent: (id) => ['persistent', id],
  build: (module, name) => (module === 'known' && name === 'thing' ? 'built' : undefined),
};

const read = (pickle: Uint8Array): PickleValue => readPickle(pickle, HOOKS).value;

/** Values as JSON has them: dicts as objects, bytes as hexadecimal digits. */
function plain(value: PickleValue): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof PickleDict) {
    return Object.fromEntries([...value.entries()].map(([k, v]) => [String(k), plain(v)]));
  }
  // Before protocol 3 Python writes bytes as a call that encodes a string.
  if (isOpaque(value) && value.name === 'encode') {
    return Buffer.from(String((value.args as string[])[0]), 'latin1').toString('hex');
  }
  if (isOpaque(value) && value.name === 'bytes') return '';
  return value;
}

interface PickleCases {
  values: Record<string, unknown>;
  pickles: Record<string, string>;
}

const CASES = JSON.parse(new TextDecoder().decode(readFixture('pickles.json'))) as PickleCases;

const pickleCase = (protocol: string): Uint8Array =>
  new Uint8Array(Buffer.from(CASES.pickles[protocol] ?? '', 'base64'));

test.each([
  ["S'abc'", 'abc'],
  ['S"abc"', 'abc'],
  ["S''", ''],
  ["S'", 'a string has no quotes'],
  ["S'abc", 'a string has no quotes'],
  ['Sabca', 'a string has no quotes'],
  ['F1.5e-3', 1.5e-3],
  ['F-.5', -0.5],
  ['Fx1', 'a number is not one'],
  ['I+5', 5],
  [String.raw`S'a\n\x41\z'`, 'a\nA\\z'],
  [String.raw`V\u0041\n`, 'A\\n'],
  ['L-7L', -7],
])('the text literal %s', (line, expected) => {
  const pickle = new TextEncoder().encode(`${line}\n.`);
  if (/^a (string|number)/.test(String(expected))) {
    expect(() => read(pickle)).toThrow(String(expected));
  } else expect(read(pickle)).toBe(expected);
});

describe('pickle', () => {
  test.each(Object.keys(CASES.pickles))('reads what Python writes in protocol %s', (protocol) => {
    const pickle = pickleCase(protocol);
    const { value, end } = readPickle(pickle, HOOKS);
    expect(end).toBe(pickle.length);
    expect(plain(value)).toEqual(CASES.values);
  });

  test('keeps shared values shared', () => {
    const value = read(pickleCase('2')) as PickleDict;
    const [a, b] = value.get('shared') as PickleValue[];
    expect(a).toBe(b);
  });

  test.each([
    ['REDUCE', bytesOf(global('os', 'system'), tuple(text('rm -rf /')), OP.REDUCE)],
    ['NEWOBJ', bytesOf(global('os', 'system'), tuple(text('rm -rf /')), OP.NEWOBJ)],
    ['INST', bytesOf(OP.MARK, text('rm -rf /'), OP.INST, 'os\nsystem\n')],
    ['OBJ', bytesOf(OP.MARK, global('os', 'system'), text('rm -rf /'), OP.OBJ)],
    [
      'STACK_GLOBAL',
      bytesOf(text('os'), text('system'), OP.STACK_GLOBAL, tuple(text('rm -rf /')), OP.REDUCE),
    ],
  ])('makes a call by %s into data', (_, body) => {
    expect(read(bytesOf(body, OP.STOP))).toEqual({
      kind: 'opaque',
      module: 'os',
      name: 'system',
      args: ['rm -rf /'],
    });
  });

  test('keeps what Python would do to objects as data', () => {
    const object = [global('m', 'Thing'), OP.EMPTY_TUPLE, OP.NEWOBJ];
    const value = read(
      pickleOf([
        object,
        [OP.MARK, text('key'), integer(1), OP.SETITEMS],
        [OP.MARK, integer(2), OP.APPENDS],
        [text('the state'), OP.BUILD],
      ]),
    );
    expect(value).toMatchObject({ args: [], items: [2], state: 'the state' });
    expect(isOpaque(value) && value.entries?.get('key')).toBe(1);
  });

  test('knows only what the hooks build, and only from the bare name', () => {
    const call = [global('known', 'thing'), OP.EMPTY_TUPLE, OP.REDUCE];
    expect(read(pickleOf(call))).toBe('built');
    // What came of one call is no longer a name.
    const unknown = [global('known', 'other'), OP.EMPTY_TUPLE, OP.REDUCE];
    expect(read(pickleOf([unknown, OP.EMPTY_TUPLE, OP.REDUCE]))).toMatchObject({ kind: 'opaque' });
    expect(() => read(pickleOf([call, OP.EMPTY_TUPLE, OP.REDUCE]))).toThrow('it calls string');
  });

  test('touches no prototype', () => {
    const value = read(
      pickleOf([
        OP.EMPTY_DICT,
        text('__proto__'),
        [OP.EMPTY_DICT, text('polluted'), OP.NEWTRUE, OP.SETITEM],
        OP.SETITEM,
      ]),
    );
    expect((value as PickleDict).get('__proto__')).toBeInstanceOf(PickleDict);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    const object = read(
      pickleOf([global('m', '__proto__'), OP.EMPTY_TUPLE, OP.NEWOBJ, OP.EMPTY_DICT, OP.BUILD]),
    );
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
  });

  test('drops a value, or a mark where there is none above it', () => {
    expect(read(bytesOf(OP.NONE, OP.NEWTRUE, OP.POP, OP.STOP))).toBeNull();
    expect(read(bytesOf(OP.NONE, OP.MARK, OP.POP, OP.STOP))).toBeNull();
    expect(read(bytesOf(OP.NONE, OP.MARK, OP.NEWTRUE, OP.POP, OP.POP_MARK, OP.STOP))).toBeNull();
    expect(() => read(bytesOf(OP.POP, OP.STOP))).toThrow('a mark is missing');
  });

  test('tells sets from lists, whether they can change or not', () => {
    const items = [OP.MARK, integer(1), integer(2)];
    const set = { kind: 'set', items: [1, 2] };
    expect(read(pickleOf([OP.EMPTY_SET, items, OP.ADDITEMS]))).toEqual(set);
    expect(read(pickleOf([items, OP.FROZENSET]))).toEqual(set);
  });

  test('says in a few words what cannot be', () => {
    const called = (value: Parameters<typeof pickleOf>[0]) => () =>
      read(pickleOf([value, OP.EMPTY_TUPLE, OP.REDUCE]));
    expect(called(OP.EMPTY_DICT)).toThrow('it calls a dict of 0');
    expect(called([OP.EMPTY_DICT, OP.NONE, OP.NONE, OP.SETITEM])).toThrow('it calls a dict of 1');
    expect(called([OP.MARK, OP.NONE, OP.NONE, OP.LIST])).toThrow('it calls a list of 2');
    expect(called(OP.NONE)).toThrow('it calls None');
    expect(called([OP.SHORT_BINBYTES, 3, new Uint8Array(3)])).toThrow('it calls 3 bytes');
  });

  test('reads cycles', () => {
    const value = read(bytesOf(OP.EMPTY_LIST, OP.BINPUT, 0, OP.BINGET, 0, OP.APPEND, OP.STOP));
    expect((value as PickleValue[])[0]).toBe(value);
  });

  test('reads a hundred thousand nested lists', () => {
    const open = new Uint8Array(100_000).fill(OP.EMPTY_LIST);
    const close = new Uint8Array(99_999).fill(OP.APPEND);
    let value = read(bytesOf(open, close, OP.STOP));
    let depth = 1;
    for (; Array.isArray(value) && value.length > 0; depth++) value = value[0] as PickleValue;
    expect(depth).toBe(100_000);
  });

  test.each([
    ['a string longer than the file', bytesOf(OP.BINUNICODE, uint32(0xffffffff), 'x', OP.STOP)],
    ['bytes of 2^63', bytesOf(OP.BINBYTES8, new Uint8Array(8).fill(0x7f), OP.STOP)],
    ['a string of negative length', bytesOf(OP.BINSTRING, uint32(0xffffffff), 'x', OP.STOP)],
    [
      'an integer of 60 kB',
      bytesOf(OP.LONG4, uint32(60_000), new Uint8Array(60_000).fill(7), OP.STOP),
    ],
    ['an integer of 60 000 digits', bytesOf(OP.LONG, '7'.repeat(60_000), '\n', OP.STOP)],
    ['an empty stack', bytesOf(OP.STOP)],
    ['a mark that is not there', bytesOf(OP.TUPLE, OP.STOP)],
    ['a memo that was never set', bytesOf(OP.LONG_BINGET, uint32(5), OP.STOP)],
    ['a memo of nothing', bytesOf(OP.LONG_BINPUT, uint32(0xffffffff), OP.STOP)],
    ['a tuple of too few', bytesOf(OP.NONE, OP.TUPLE3, OP.STOP)],
    ['a key without a value', bytesOf(OP.EMPTY_DICT, OP.MARK, OP.NONE, OP.SETITEMS, OP.STOP)],
    ['items of a number', bytesOf(OP.BININT1, 1, OP.NONE, OP.NONE, OP.SETITEM, OP.STOP)],
    ['appending to a string', bytesOf(text('x'), OP.NONE, OP.APPEND, OP.STOP)],
    ['a state of a number', bytesOf(OP.BININT1, 1, OP.NONE, OP.BUILD, OP.STOP)],
    ['a call of a list', bytesOf(OP.EMPTY_LIST, OP.EMPTY_TUPLE, OP.REDUCE, OP.STOP)],
    ['a global named by numbers', bytesOf(OP.BININT1, 1, OP.BININT1, 1, OP.STACK_GLOBAL, OP.STOP)],
    ['an unknown instruction', bytesOf(0xff, OP.STOP)],
    ['protocol 6', bytesOf(OP.PROTO, 6, OP.NONE, OP.STOP)],
    ['a line without end', bytesOf(OP.GLOBAL, 'os')],
    ['no end', bytesOf(OP.NONE)],
    ['nothing', new Uint8Array(0)],
  ])('refuses %s', (_, pickle) => {
    expect(() => read(pickle)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });

  test.each([
    ['endless instructions', new Uint8Array(4_000_000).fill(OP.EMPTY_DICT)],
    ['endless marks', new Uint8Array(4_000_000).fill(OP.MARK)],
    ['data outside of the pickle', bytesOf(OP.NEXT_BUFFER, OP.STOP)],
  ])('gives up on %s', (_, pickle) => {
    expect(() => read(pickle)).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });

  test('puts up with memo abuse', () => {
    // Far indices, every index, one index again and again.
    const far = bytesOf(
      OP.NONE,
      OP.LONG_BINPUT,
      uint32(0xfffffff0),
      OP.LONG_BINGET,
      uint32(0xfffffff0),
      OP.STOP,
    );
    expect(read(far)).toBeNull();
    const gaps = (count: number) => {
      const puts = new Uint8Array(5 * count);
      const view = new DataView(puts.buffer);
      for (let i = 0; i < count; i++) {
        view.setUint8(5 * i, OP.LONG_BINPUT);
        view.setUint32(5 * i + 1, 1e6 + i, true);
      }
      return bytesOf(OP.NONE, puts, OP.STOP);
    };
    expect(read(gaps(1 << 16))).toBeNull();
    const tooMany = expect.objectContaining({ code: 'unsupported' }) as Error;
    expect(() => read(gaps((1 << 16) + 1))).toThrow(tooMany);
    const again = bytesOf(OP.NONE, new Uint8Array(250_000).fill(OP.MEMOIZE), OP.STOP);
    expect(read(again)).toBeNull();
  });
});
