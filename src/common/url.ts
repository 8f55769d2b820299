/** Addresses as they may be shown. */
import { messageOf } from './messages';
import { runsInNode } from './node';

/** In a text, from a scheme to what cannot be part of an address. */
const ADDRESS = /[a-z][a-z0-9+.-]+:\/\/[^\s'"`<>]+/gi;

/**
 * An address without what may be secret in it: user, password, query and fragment (signed addresses
 * carry their signature in the query), and what a `data:` address holds. What is no address is given
 * back as it is, but for a query.
 */
export function shownUrl(url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    // A password with a slash or a question mark in it makes an address that nobody can take apart.
    const isUnclear = /^[a-z][a-z0-9+.-]+:\/\/.*@/is.test(url);
    return isUnclear ? `${url.slice(0, url.indexOf(':'))}://...` : withoutQuery(url);
  }
  // One letter is a drive.
  if (/^[a-z]:$/.test(parsed.protocol)) return url;
  if (parsed.protocol === 'data:') return 'data:...';
  // Of what has no host (`blob:`) nothing else can be changed.
  if (parsed.host === '') return withoutQuery(url);
  const { username, password, search, hash } = parsed;
  if (username + password + search + hash === '') return url;
  const query = search === '' ? '' : '?...';
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}${query}`;
}

function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, '');
}

/**
 * A text with every address in it as it may be shown.
 *
 * @param url an address that the text may hold, whatever characters it has
 */
export function withoutSecrets(text: string, url?: string): string {
  const known = url === undefined || url === '' ? text : text.replaceAll(url, shownUrl(url));
  return known.replace(ADDRESS, (address) => shownUrl(address));
}

/** What was thrown on the way to an address, in words that may be shown. */
export function harmlessMessage(error: unknown, url: string): string {
  return withoutSecrets(messageOf(error), url);
}

/** An error as the cause of another, which is shown with it; undefined where it tells more than it may. */
export function harmlessCause(error: unknown, url: string): unknown {
  const seen = new Set<unknown>();
  for (let part = error; part != null && !seen.has(part);) {
    seen.add(part);
    // By shape, as in `messageOf`. Errors of parsing keep the address as `input`.
    const { message, input, cause } = part as Record<'message' | 'input' | 'cause', unknown>;
    const told = [message, input].filter((text) => typeof text === 'string');
    if (told.some((text) => withoutSecrets(text, url) !== text)) return undefined;
    part = cause;
  }
  return error;
}

/** One letter and a colon is a Windows drive, not a scheme. */
const HAS_SCHEME = /^[a-z][a-z0-9+.-]+:/i;

/** In Node a path may have a colon: `run:12.pth` is a file. */
const IS_URL = /^((https?|file|blob|data):|[a-z][a-z0-9+.-]+:\/\/)/i;

/** Whether a string names its source by a URL of its own, and not by a path. */
export function isUrlText(source: string): boolean {
  return (runsInNode() ? IS_URL : HAS_SCHEME).test(source);
}

/** A source's own name as messages may show it. */
export function shownSource(source: string): string {
  return isUrlText(source) ? shownUrl(source) : source;
}
