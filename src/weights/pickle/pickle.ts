/**
 * Python pickles, protocols 0 to 5, as data.
 *
 * A pickle is a program for a stack machine, some of whose instructions call whatever they name.
 * This machine calls nothing: what a file names becomes an {@link Opaque}, unless the caller's
 * `build` says what it stands for. It is a loop over a stack of its own, so nesting costs no call
 * depth, and it allocates in proportion to the pickle's length, up to {@link MAX_MEMORY}.
 *
 * `pickleparser` 0.2 (npm) was looked at: it calls whatever function a REDUCE finds on the stack and
 * a `__setstate__` that the file itself put there, copies keys such as `__proto__` into plain
 * objects, and has no limits.
 *
 * Format: https://github.com/python/cpython/blob/3.13/Lib/pickletools.py
 */

import { CheckpointError } from '../errors';
import { badPickle, PickleBytes } from './bytes';
import { costOf, MAX_MEMORY } from './costs';
import { LITERALS } from './literals';
import { OP } from './opcodes';
import { PickleStack } from './stack';
import { describe, isOpaque, type Opaque, PickleDict, type PickleValue } from './values';

/** How a pickle's references to the world outside it are understood. */
export interface PickleHooks {
  /** The value of a persistent id (PyTorch's storages). */
  persistent(id: PickleValue): PickleValue;
  /**
   * The value of calling `module.name` with `args`, or undefined where it is unknown: then it stays
   * an {@link Opaque}. Must be a pure function of its arguments.
   */
  build(module: string, name: string, args: PickleValue): PickleValue | undefined;
}

/** Longest name of a global: Python's own are far shorter. */
const MAX_NAME = 4096;

/**
 * Reads one pickle from `start` on.
 *
 * @returns the value, and where the next pickle would begin.
 * @throws {CheckpointError} 'corrupt' when it is no pickle; 'unsupported' when its values take
 * more than {@link MAX_MEMORY} or it has out-of-band buffers.
 */
export function readPickle(
  bytes: Uint8Array,
  hooks: PickleHooks,
  start = 0,
): { value: PickleValue; end: number } {
  const machine = new PickleMachine(new PickleBytes(bytes, start), hooks);
  return { value: machine.run(), end: machine.bytes.position };
}

class PickleMachine {
  private readonly stack = new PickleStack();

  constructor(
    readonly bytes: PickleBytes,
    private readonly hooks: PickleHooks,
  ) {}

  run(): PickleValue {
    for (let spent = 0; spent <= MAX_MEMORY;) {
      const opcode = this.bytes.uint8();
      spent += costOf(opcode);
      if (opcode === OP.STOP) return this.stack.pop();
      const literal = LITERALS.get(opcode);
      if (literal) this.stack.push(literal(this.bytes));
      else if (!this.container(opcode)) this.reference(opcode);
    }
    throw new CheckpointError(
      'unsupported',
      `The pickle needs over ${MAX_MEMORY >> 20} MB of memory; save the weights without what else ` +
        'is in it',
    );
  }

  /** Instructions that make, fill, mark and drop; false for all others. */
  private container(opcode: number): boolean {
    const { stack } = this;
    switch (opcode) {
      case OP.MARK:
        stack.mark();
        break;
      case OP.POP_MARK:
        stack.popMark();
        break;
      case OP.POP:
        stack.drop();
        break;
      case OP.DUP:
        stack.push(stack.top());
        break;
      case OP.EMPTY_TUPLE:
      case OP.EMPTY_LIST:
        stack.push([]);
        break;
      case OP.TUPLE1:
      case OP.TUPLE2:
      case OP.TUPLE3:
        stack.push(stack.popMany(opcode - OP.TUPLE1 + 1));
        break;
      case OP.TUPLE:
      case OP.LIST:
        stack.push(stack.popMark());
        break;
      case OP.APPEND:
        stack.append([stack.pop()]);
        break;
      case OP.APPENDS:
      case OP.ADDITEMS:
        stack.append(stack.popMark());
        break;
      case OP.EMPTY_DICT:
        stack.push(new PickleDict());
        break;
      case OP.DICT: {
        const items = stack.popMark();
        stack.push(new PickleDict());
        stack.setItems(items);
        break;
      }
      case OP.SETITEM:
        stack.setItems(stack.popMany(2));
        break;
      case OP.SETITEMS:
        stack.setItems(stack.popMark());
        break;
      case OP.EMPTY_SET:
        stack.push({ kind: 'set', items: [] });
        break;
      case OP.FROZENSET:
        stack.push({ kind: 'set', items: stack.popMark() });
        break;
      default:
        return false;
    }
    return true;
  }

  /** Instructions on the memo, on globals, and on the objects that Python would make of them. */
  private reference(opcode: number): void {
    const { bytes, stack } = this;
    switch (opcode) {
      case OP.PROTO: {
        const protocol = bytes.uint8();
        if (protocol > 5) throw badPickle(`it claims protocol ${protocol}; there are 0 to 5`);
        return;
      }
      case OP.FRAME:
        // Frames only help readers of pipes; what they enclose is checked as it comes.
        bytes.skip(8);
        return;
      case OP.READONLY_BUFFER:
        return;
      case OP.NEXT_BUFFER:
        throw new CheckpointError('unsupported', 'The pickle keeps data outside of itself');
      case OP.PUT:
        return stack.memoize(Number(bytes.decimal(bytes.line())));
      case OP.BINPUT:
        return stack.memoize(bytes.uint8());
      case OP.LONG_BINPUT:
        return stack.memoize(bytes.uint32());
      case OP.MEMOIZE:
        return stack.memoize();
      case OP.GET:
        return stack.recall(Number(bytes.decimal(bytes.line())));
      case OP.BINGET:
        return stack.recall(bytes.uint8());
      case OP.LONG_BINGET:
        return stack.recall(bytes.uint32());
      case OP.GLOBAL:
        return stack.push(global(bytes.line(), bytes.line()));
      case OP.STACK_GLOBAL: {
        const [module, name] = stack.popMany(2);
        return stack.push(global(module, name));
      }
      case OP.EXT1:
        return stack.push(global('copyreg extension', String(bytes.uint8())));
      case OP.EXT2:
        return stack.push(global('copyreg extension', String(bytes.uint16())));
      case OP.EXT4:
        return stack.push(global('copyreg extension', String(bytes.uint32())));
      case OP.REDUCE:
      case OP.NEWOBJ: {
        const [callee, args] = stack.popMany(2);
        return stack.push(this.construct(callee, args));
      }
      case OP.NEWOBJ_EX: {
        const [callee, args, keywords] = stack.popMany(3);
        return stack.push(this.construct(callee, [args ?? null, keywords ?? null]));
      }
      case OP.INST: {
        const callee = global(bytes.line(), bytes.line());
        return stack.push(this.construct(callee, stack.popMark()));
      }
      case OP.OBJ: {
        const [callee, ...args] = stack.popMark();
        return stack.push(this.construct(callee, args));
      }
      case OP.BUILD:
        return this.setState();
      case OP.PERSID:
        return stack.push(this.hooks.persistent(bytes.line()));
      case OP.BINPERSID:
        return stack.push(this.hooks.persistent(stack.pop()));
      default:
        throw badPickle(`there is no instruction ${opcode} (at ${bytes.position - 1})`);
    }
  }

  private construct(callee: PickleValue | undefined, args: PickleValue | undefined): PickleValue {
    // Python would call anything here; only a bare reference to a global can stand for something.
    if (!isOpaque(callee) || args === undefined) throw badPickle(`it calls ${describe(callee)}`);
    if (callee.args === undefined) {
      const built = this.hooks.build(callee.module, callee.name, args);
      if (built !== undefined) return built;
    }
    return { kind: 'opaque', module: callee.module, name: callee.name, args };
  }

  private setState(): void {
    const state = this.stack.pop();
    const target = this.stack.top();
    // To what is understood (dicts, tensors) a state only adds attributes that nobody needs.
    if (isOpaque(target)) target.state = state;
    else if (typeof target !== 'object' || target === null || Array.isArray(target)) {
      throw badPickle(`it gives a state to ${describe(target)}`);
    }
  }
}

function global(module: PickleValue | undefined, name: PickleValue | undefined): Opaque {
  if (typeof module !== 'string' || typeof name !== 'string') {
    throw badPickle(`it names a global by ${describe(module)} and ${describe(name)}`);
  }
  if (module.length + name.length > MAX_NAME) throw badPickle('it names a global at length');
  return { kind: 'opaque', module, name };
}
