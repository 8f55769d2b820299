/** HTML in which whatever is put in is text, unless it is HTML itself. */

import { harmless, oneLine } from '../common/harmless';

/** A piece of HTML. */
export class Html {
  constructor(readonly text: string) {}
}

type Value = Html | string | number | null | undefined | readonly Html[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as HTML, also within attributes in quotation marks. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}

/** Tag of templates: what is put in is escaped, and does nothing, unless it is HTML or a list of it. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  return new Html(
    parts.map((part, i) => part + (i < values.length ? textOf(values[i]) : '')).join(''),
  );
}

function textOf(value: Value): string {
  if (value instanceof Html) return value.text;
  if (typeof value === 'string' || typeof value === 'number')
    return escapeHtml(harmless(String(value)));
  return (value ?? []).map(({ text }) => text).join('');
}

/** A name that someone else gave: neither it nor what stands beside it is turned in its direction of writing. */
export function name(text: string): Html {
  return html`<bdi>${oneLine(text)}</bdi>`;
}

/** `12.3 %`; a dash where there is nothing to tell. */
export function percentText(fraction: number | null): string {
  return fraction === null ? '–' : `${(100 * fraction).toFixed(1)} %`;
}

/** A table with a caption, of which the first column heads the rows and all others hold numbers. */
export function dataTable(
  caption: string,
  header: readonly string[],
  rows: readonly (readonly (Html | string | number)[])[],
): Html {
  return html`<table>
    <caption>
      ${caption}
    </caption>
    <thead>
      <tr>
        ${header.map((cell) => html`<th scope="col">${cell}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        ([first, ...cells]) =>
          html`<tr>
            <th scope="row">${first}</th>
            ${cells.map((cell) => html`<td>${cell}</td>`)}
          </tr> `,
      )}
    </tbody>
  </table>`;
}

/** A section with a heading. */
export function section(id: string, title: string, content: readonly Html[]): Html {
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    ${content}
  </section> `;
}
