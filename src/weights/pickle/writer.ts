/** Writing pickles of plain data and of tensors, as `torch.save` writes them (protocol 2). */

import { OP } from './opcodes';

/** A tensor whose elements are in a storage of its own. */
export class TensorToPickle {
  /** @param storage PyTorch's class of the storage, such as `FloatStorage` */
  constructor(
    readonly key: string,
    readonly storage: string,
    readonly shape: readonly number[],
  ) {}
}

/** A Python tuple. */
export class TupleToPickle {
  constructor(readonly items: readonly PickledValue[]) {}
}

/** What can be written: a `Map` becomes an `OrderedDict`, a record a `dict`, a list a `list`. */
export type PickledValue =
  | null
  | boolean
  | number
  | string
  | readonly PickledValue[]
  | ReadonlyMap<string, PickledValue>
  | { readonly [key: string]: PickledValue }
  | TensorToPickle
  | TupleToPickle;

/** The pickle of a value. */
export function writePickle(value: PickledValue): Uint8Array {
  const parts: Uint8Array[] = [];
  const put = (...bytes: number[]) => parts.push(Uint8Array.from(bytes));
  const text = (content: string) => parts.push(new TextEncoder().encode(content));
  const withView = (length: number, set: (view: DataView) => void) => {
    const bytes = new Uint8Array(length);
    set(new DataView(bytes.buffer));
    parts.push(bytes);
  };
  const global = (module: string, name: string) => {
    put(OP.GLOBAL);
    text(`${module}\n${name}\n`);
  };
  const string = (content: string) => {
    const bytes = new TextEncoder().encode(content);
    put(OP.BINUNICODE);
    withView(4, (view) => view.setUint32(0, bytes.length, true));
    parts.push(bytes);
  };
  const number = (content: number) => {
    if (!Number.isSafeInteger(content) || Object.is(content, -0)) {
      put(OP.BINFLOAT);
      withView(8, (view) => view.setFloat64(0, content));
    } else if (content >= -(2 ** 31) && content < 2 ** 31) {
      put(OP.BININT);
      withView(4, (view) => view.setInt32(0, content, true));
    } else {
      put(OP.LONG1, 8);
      withView(8, (view) => view.setBigInt64(0, BigInt(content), true));
    }
  };
  const tuple = (items: readonly (() => void)[]) => {
    put(OP.MARK);
    for (const item of items) item();
    put(OP.TUPLE);
  };
  const emptyOrderedDict = () => {
    global('collections', 'OrderedDict');
    put(OP.EMPTY_TUPLE, OP.REDUCE);
  };
  const tensor = ({ key, storage, shape }: TensorToPickle) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const strides = shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1));
    const numbers = (list: readonly number[]) => () => tuple(list.map((n) => () => number(n)));
    global('torch._utils', '_rebuild_tensor_v2');
    tuple([
      () => {
        tuple([
          () => string('storage'),
          () => global('torch', storage),
          () => string(key),
          () => string('cpu'),
          () => number(count),
        ]);
        put(OP.BINPERSID);
      },
      () => number(0),
      numbers(shape),
      numbers(strides),
      () => put(OP.NEWFALSE),
      emptyOrderedDict,
    ]);
    put(OP.REDUCE);
  };
  const items = (entries: Iterable<readonly [string, PickledValue]>) => {
    put(OP.MARK);
    for (const [key, entry] of entries) {
      string(key);
      any(entry);
    }
    put(OP.SETITEMS);
  };
  const any = (content: PickledValue): void => {
    if (content === null) put(OP.NONE);
    else if (typeof content === 'boolean') put(content ? OP.NEWTRUE : OP.NEWFALSE);
    else if (typeof content === 'number') number(content);
    else if (typeof content === 'string') string(content);
    else if (content instanceof TensorToPickle) tensor(content);
    else if (content instanceof TupleToPickle) tuple(content.items.map((item) => () => any(item)));
    else if (content instanceof Map) {
      emptyOrderedDict();
      items(content as ReadonlyMap<string, PickledValue>);
    } else if (Array.isArray(content)) {
      put(OP.EMPTY_LIST, OP.MARK);
      for (const item of content as readonly PickledValue[]) any(item);
      put(OP.APPENDS);
    } else {
      put(OP.EMPTY_DICT);
      items(Object.entries(content as { readonly [key: string]: PickledValue }));
    }
  };
  put(OP.PROTO, 2);
  any(value);
  put(OP.STOP);
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
