/** Elements of the page, found and made. */

/** The element of an id, of a class. */
export function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`index.html has no ${type.name} #${id}`);
}

/** Makes an element with properties and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export const button = (id: string) => element(id, HTMLButtonElement);

/** Bytes for people. */
export function megabytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return `${bytes >= 1e8 ? Math.round(bytes / 1e6) : (bytes / 1e6).toFixed(1)} MB`;
}

export const percent = (share: number, digits = 0) => `${(100 * share).toFixed(digits)} %`;
