/** Addresses as they may be shown. */

/**
 * An address without what may be secret in it: user, password, query and fragment (signed addresses
 * carry their signature in the query). What is no address is given back as it is.
 */
export function shownUrl(url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return url.replace(/[?#].*$/s, '');
  }
  if (parsed.origin === 'null') return url.replace(/[?#].*$/s, '');
  const query = parsed.search === '' ? '' : '?...';
  return `${parsed.origin}${parsed.pathname}${query}`;
}
