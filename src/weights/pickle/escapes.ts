/** The texts of pickle protocol 0, in which backslashes stand for what a line cannot hold. */

/** Arguments that any JavaScript engine takes in one call. */
const CALL_ARGUMENTS = 8192;

const BACKSLASH = 0x5c;

/** `\n` and its like, by the letter that follows the backslash. */
const CONTROLS: ReadonlyMap<number, number> = new Map([
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [BACKSLASH, BACKSLASH],
  [0x27, 0x27],
  [0x22, 0x22],
]);

/** Hexadecimal digits after the letter that follows the backslash. */
const STRING_DIGITS: ReadonlyMap<number, number> = new Map([[0x78, 2]]);
const UNICODE_DIGITS: ReadonlyMap<number, number> = new Map([
  [0x75, 4],
  [0x55, 8],
]);

const NOT_A_CHARACTER = 0xfffd;

/** One letter per code unit. (Spreading a typed array into the call takes far longer.) */
export function letters(units: Uint8Array | Uint16Array): string {
  const parts: string[] = [];
  for (let at = 0; at < units.length; at += CALL_ARGUMENTS) {
    const part = units.subarray(at, at + CALL_ARGUMENTS);
    parts.push(Reflect.apply(String.fromCharCode, undefined, part));
  }
  return parts.length === 1 ? (parts[0] as string) : parts.join('');
}

/**
 * What a text says, one letter per byte but for escapes; unknown escapes stay as they are.
 *
 * @param kind `'string'`: as in a Python literal, `\x41` or `\n`; `'unicode'`: `\u0041` or
 * `\U0001f600`.
 */
export function unescape(bytes: Uint8Array, kind: 'string' | 'unicode'): string {
  if (!bytes.includes(BACKSLASH)) return letters(bytes);
  const digitsAfter = kind === 'string' ? STRING_DIGITS : UNICODE_DIGITS;
  // Never longer than the text, and nothing is made per escape: a text may be of escapes alone.
  const units = new Uint16Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length;) {
    const byte = bytes[at++] as number;
    const next = bytes[at];
    if (byte !== BACKSLASH || next === undefined) {
      units[length++] = byte;
      continue;
    }
    const digits = digitsAfter.get(next);
    const point = digits === undefined ? -1 : hexadecimal(bytes, at + 1, digits);
    const control = kind === 'string' ? CONTROLS.get(next) : undefined;
    if (point >= 0) {
      length = putPoint(units, length, point);
      at += 1 + (digits as number);
    } else if (control !== undefined) {
      units[length++] = control;
      at++;
    } else units[length++] = byte;
  }
  return letters(units.subarray(0, length));
}

/** The number in `digits` hexadecimal digits; -1 where they are none. */
function hexadecimal(bytes: Uint8Array, start: number, digits: number): number {
  let value = 0;
  for (let at = start; at < start + digits; at++) {
    const byte = bytes[at] ?? 0;
    const lower = byte | 0x20;
    if (byte >= 0x30 && byte <= 0x39) value = value * 16 + byte - 0x30;
    else if (lower >= 0x61 && lower <= 0x66) value = value * 16 + lower - 0x61 + 10;
    else return -1;
  }
  return value;
}

/** Writes a code point as UTF-16 and returns the new length. */
function putPoint(units: Uint16Array, length: number, point: number): number {
  if (point > 0xffff && point <= 0x10ffff) {
    units[length] = 0xd800 + ((point - 0x10000) >> 10);
    units[length + 1] = 0xdc00 + ((point - 0x10000) & 0x3ff);
    return length + 2;
  }
  units[length] = point > 0x10ffff ? NOT_A_CHARACTER : point;
  return length + 1;
}
