/** Training goes on while the page is hidden; what it did is said when the page is back. */
import { notice } from './notice';
import type { RunView } from './run_view';
import type { PageState } from './state';

export function tellOfHiddenTab(view: RunView, state: PageState): void {
  let hiddenAt = 0;
  document.addEventListener('visibilitychange', () => {
    const step = view.points.at(-1)?.step ?? 0;
    if (document.hidden) hiddenAt = step;
    else if (state.value === 'training' && step > hiddenAt) {
      notice(`While this tab was hidden, training went on: ${step - hiddenAt} steps.`);
    }
  });
}
