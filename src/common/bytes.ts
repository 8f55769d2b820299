/** Numbers of bytes as people write them. */
import { requireRanges, shown } from './arguments';

/** `135 MB`, `8.63 GB`: decimal units, three digits. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toPrecision(3)} ${units[unit]}`;
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/**
 * A number of bytes: as such, or as text with a unit, such as `'2GB'` (decimal) or `'512 MiB'` (binary).
 *
 * @throws {Error} when it is neither, or not above 0
 */
export function parseBytes(owner: string, name: string, given: unknown): number {
  if (typeof given === 'number') {
    requireRanges(owner, [[name, given, given > 0, 'of bytes above 0']]);
    return given;
  }
  const [, number, unit] =
    typeof given === 'string' ? (/^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(given) ?? []) : [];
  const factor = unit === undefined ? undefined : UNITS[unit.toLowerCase()];
  const bytes = factor === undefined ? 0 : Number(number) * factor;
  if (bytes > 0) return bytes;
  throw new Error(
    `${owner}: ${name} is ${shown(given)}; expected a number of bytes above 0, or text such as "2GB" or ` +
      `"512 MiB"`,
  );
}
