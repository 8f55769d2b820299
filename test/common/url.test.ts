import { harmlessCause, isUrlText, shownUrl, withoutSecrets } from '../../src/common/url';

const SHOWN: [url: string, shown: string][] = [
  ['https://example.org/a/b.pth', 'https://example.org/a/b.pth'],
  ['https://example.org:8443/b.pth', 'https://example.org:8443/b.pth'],
  ['https://user:secret@example.org/b.pth', 'https://example.org/b.pth'],
  ['https://secret@example.org/b.pth', 'https://example.org/b.pth'],
  ['https://user:sec%40ret@example.org/b.pth', 'https://example.org/b.pth'],
  ['https://user:sec@ret@example.org/b.pth', 'https://example.org/b.pth'],
  ['HTTPS://user:secret@EXAMPLE.org/b.pth', 'https://example.org/b.pth'],
  ['https:user:secret@example.org/b.pth', 'https://example.org/b.pth'],
  ['https://example.org/b.pth?token=secret', 'https://example.org/b.pth?...'],
  ['https://example.org/b?sig=secret&X-Amz-Signature=secret#secret', 'https://example.org/b?...'],
  ['https://example.org/b.pth#access_token=secret', 'https://example.org/b.pth'],
  ['s3://key:secret@bucket/b.pth?versionId=secret', 's3://bucket/b.pth?...'],
  ['hf://user:secret@models/b.pth', 'hf://models/b.pth'],
  ['file:///home/b.pth?secret#secret', 'file:///home/b.pth'],
  ['blob:https://example.org/1-2#secret', 'blob:https://example.org/1-2'],
  ['data:application/json;base64,c2VjcmV0secret', 'data:...'],
  // Which parser would take it apart how?
  ['https://user:sec/secret@example.org/b.pth', 'https://...'],
  ['https://user:sec?secret@example.org/b.pth', 'https://...'],
  ['https://user:sec#secret@example.org/b.pth', 'https://...'],
  ['https://user:secret@exa mple.org/b.pth', 'https://...'],
  ['https://exa mple.org/b.pth?token=secret', 'https://exa mple.org/b.pth'],
  // No addresses.
  ['weights/b.pth', 'weights/b.pth'],
  ['C:\\weights\\b.pth', 'C:\\weights\\b.pth'],
];

test.each(SHOWN)('%s', (url, shown) => {
  expect(shownUrl(url)).toBe(shown);
  expect(shown).not.toContain('secret');
});

test('in a text', () => {
  const addresses = SHOWN.filter(([url]) => url.includes('://') && !url.includes(' '));
  const text = addresses.map(([url]) => `(see '${url}' or "${url}")`).join('; ');
  expect(withoutSecrets(text)).toBe(
    addresses.map(([, shown]) => `(see '${shown}' or "${shown}")`).join('; '),
  );
  const odd = 'https://exa mple.org/b.pth?token=a secret';
  expect(withoutSecrets(`Failed: ${odd}.`, odd)).toBe('Failed: https://exa mple.org/b.pth.');
  expect(withoutSecrets('no address: a//b, c:/d, 12:30')).toBe('no address: a//b, c:/d, 12:30');
});

test('causes that tell an address are left out, others are kept', () => {
  const url = 'https://user:secret@example.org/b.pth';
  const refused = new Error('connect ECONNREFUSED 127.0.0.1:1');
  for (const fine of [refused, new Error('fetch failed', { cause: refused }), 'text', undefined]) {
    expect(harmlessCause(fine, url)).toBe(fine);
  }
  const input = Object.assign(new TypeError('Invalid URL'), { input: url });
  for (const telling of [input, new Error(url), new Error('failed', { cause: input })]) {
    expect(harmlessCause(telling, url)).toBeUndefined();
  }
  const circle = new Error('a');
  circle.cause = circle;
  expect(harmlessCause(circle, url)).toBe(circle);
});

test.each([
  ['https://a/b', true],
  ['HTTPS://a/b', true],
  ['s3://a/b', true],
  ['data:,a', true],
  ['run:12.pth', false],
  ['C:\\a', false],
  ['a/b.pth', false],
])('%s is an address: %s', (text, expected) => expect(isUrlText(text)).toBe(expected));
