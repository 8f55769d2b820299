/** The stack, the marks and the memo of the pickle machine. */

import { CheckpointError } from '../errors';
import { badPickle } from './bytes';
import { describe, isOpaque, PickleDict, type PickleValue } from './values';

/** Indices of the memo that no program of Python's writes, and which cost a map. */
const MAX_FAR = 1 << 16;

export class PickleStack {
  private values: PickleValue[] = [];
  /** The stacks below the open marks. */
  private readonly below: PickleValue[][] = [];
  /** By index; Python counts from 0 or 1 upwards. */
  private readonly memo: (PickleValue | undefined)[] = [];
  /** By all other indices. */
  private readonly farMemo = new Map<number, PickleValue>();
  private remembered = 0;

  push(value: PickleValue): void {
    this.values.push(value);
  }

  pop(): PickleValue {
    const value = this.values.pop();
    if (value === undefined) throw badPickle('it takes a value from an empty stack');
    return value;
  }

  top(): PickleValue {
    const value = this.values.at(-1);
    if (value === undefined) throw badPickle('it uses a value of an empty stack');
    return value;
  }

  /** Python's POP also takes a mark away. */
  drop(): void {
    if (this.values.length > 0) this.values.pop();
    else this.popMark();
  }

  /** The last `count` values, in the order they were pushed. */
  popMany(count: number): PickleValue[] {
    if (this.values.length < count) {
      throw badPickle(`it takes ${count} values from a stack of ${this.values.length}`);
    }
    return this.values.splice(-count);
  }

  mark(): void {
    this.below.push(this.values);
    this.values = [];
  }

  /** The values since the last mark, which is gone afterwards. */
  popMark(): PickleValue[] {
    const items = this.values;
    const below = this.below.pop();
    if (!below) throw badPickle('a mark is missing');
    this.values = below;
    return items;
  }

  /** Appends to the list, set or list-like object on top. */
  append(items: readonly PickleValue[]): void {
    const target = this.top();
    let list: PickleValue[];
    if (Array.isArray(target)) list = target;
    else if (isOpaque(target)) list = target.items ??= [];
    else if (typeof target === 'object' && target !== null && 'items' in target) {
      list = target.items;
    } else throw badPickle(`it appends to ${describe(target)}`);
    // One by one: spreading a long list into push overflows the call stack.
    for (const item of items) list.push(item);
  }

  /** Sets `key, value, key, value, ...` in the dict or dict-like object on top. */
  setItems(items: readonly PickleValue[]): void {
    const target = this.top();
    const dict = isOpaque(target) ? (target.entries ??= new PickleDict()) : target;
    if (!(dict instanceof PickleDict)) throw badPickle(`it sets items of ${describe(target)}`);
    if (items.length % 2 !== 0) throw badPickle('a dict has a key without a value');
    for (let i = 0; i < items.length; i += 2) {
      dict.set(items[i] as PickleValue, items[i + 1] as PickleValue);
    }
  }

  /** Remembers the value on top under `index`, by default the next free one. */
  memoize(index: number = this.remembered): void {
    const value = this.top();
    if (this.recalled(index) === undefined) this.remembered++;
    if (index >= 0 && index <= this.memo.length + 1) this.memo[index] = value;
    else if (this.farMemo.size < MAX_FAR) this.farMemo.set(index, value);
    else throw new CheckpointError('unsupported', 'The pickle numbers what it recalls with gaps');
  }

  private recalled(index: number): PickleValue | undefined {
    const value = this.memo[index];
    return value === undefined ? this.farMemo.get(index) : value;
  }

  recall(index: number): void {
    const value = this.recalled(index);
    if (value === undefined) throw badPickle(`it recalls memo ${index}, which was never set`);
    this.push(value);
  }
}
