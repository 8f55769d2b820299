/** Says, once and before the tests in a browser, what they lack here. */
import { announce, MISSING_GOLDENS } from '../support/announce';
import { CHROMIUM } from './chromium';

export default function (): void {
  announce([
    CHROMIUM ? undefined : 'no Chromium (install it, or set REVCOL_CHROMIUM to its path)',
    MISSING_GOLDENS,
  ]);
}
