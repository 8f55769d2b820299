/** Says, once and before the tests in a browser, what they lack here. */
import { announce, MISSING_GOLDENS } from '../support/announce';
import { BROWSERS, PLACES } from './browsers';

export default function (): void {
  const absent = BROWSERS.filter((name) => PLACES[name] === undefined);
  announce([
    ...absent.map(
      (name) => `no ${name} (install it, or set REVCOL_${name.toUpperCase()} to its path)`,
    ),
    MISSING_GOLDENS,
  ]);
}
