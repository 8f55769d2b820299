/** The page of `npm run demo`, from the first visit to trained weights, and through what can go wrong. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContext, Page, Worker } from 'playwright-core';
import { PNG } from 'pngjs';

import { buildDemo } from '../../demo/build';
import { serveFolder } from '../../demo/serve';
import { BROWSERS } from './browsers';
import { CHROMIUM, launchChromium } from './chromium';

const isHere = CHROMIUM && BROWSERS.includes('Chromium');
const describeBrowser = isHere ? describe : describe.skip;

/** Few and small pictures in a step, so that a run takes seconds. */
const SMALL = 'data=doodles&begin=fresh&side=16&backend=wasm';

/** A drawing, as parts of the pad's side. */
const STROKE = [
  [0.3, 0.3],
  [0.7, 0.3],
  [0.3, 0.7],
  [0.7, 0.7],
] as const;

/** Lets a test lose the graphics contexts that the worker makes. */
const KEEP_CONTEXTS = `
globalThis.contexts = [];
const getContext = OffscreenCanvas.prototype.getContext;
OffscreenCanvas.prototype.getContext = function (...given) {
  const context = getContext.apply(this, given);
  if (context && given[0] === 'webgl2') globalThis.contexts.push(context);
  return context;
};
`;

/** A picture of nearly one colour, as a file to choose. */
function picture(color: readonly number[], shade: number) {
  const png = new PNG({ width: 24, height: 24 });
  for (let i = 0; i < 24 * 24; i++) {
    for (let c = 0; c < 3; c++) png.data[4 * i + c] = (color[c] as number) + 4 * shade;
    png.data[4 * i + 3] = 255;
  }
  return { name: `${shade}.png`, mimeType: 'image/png', buffer: PNG.sync.write(png) };
}

describeBrowser('the page of the demo', () => {
  let [folder, url] = ['', ''];
  let browser: Browser;
  let context: BrowserContext;
  let server: Awaited<ReturnType<typeof serveFolder>>;
  const foreign: string[] = [];
  const errors: string[] = [];

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-demo-test-'));
    await buildDemo(path.join(folder, 'page'));
    server = await serveFolder(path.join(folder, 'page'), 0);
    ({ url } = server);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    [foreign.length, errors.length] = [0, 0];
    context = await browser.newContext({ acceptDownloads: true });
    context.setDefaultTimeout(120_000);
  });
  afterEach(async () => {
    await context.close();
    expect(errors).toEqual([]);
    expect(foreign).toEqual([]);
  });

  async function open(settings: string): Promise<Page> {
    const page = await context.newPage();
    page.on('pageerror', ({ message }) => errors.push(message));
    page.on('request', (request) => {
      if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(url)) {
        foreign.push(request.url());
      }
    });
    await page.goto(`${url}#${settings}`);
    return page;
  }

  const says = (page: Page, text: string) =>
    page.locator('#go:enabled', { hasText: new RegExp(`^${text}$`) }).waitFor();

  const workerOf = (page: Page): Worker => {
    const found = page.workers().filter((worker) => worker.url().endsWith('/worker.js'));
    return found.at(-1) as Worker;
  };

  async function draw(page: Page): Promise<void> {
    await page.locator('#pad').scrollIntoViewIfNeeded();
    const box = (await page.locator('#pad').boundingBox()) as {
      x: number;
      y: number;
      width: number;
    };
    for (const [i, [x, y]] of STROKE.entries()) {
      await page.mouse.move(box.x + x * box.width, box.y + y * box.width);
      if (i === 0) await page.mouse.down();
    }
    await page.mouse.up();
  }

  const barsOf = async (page: Page) => {
    await page.locator('#bars[aria-busy="false"] progress').first().waitFor();
    return page
      .locator('#bars progress')
      .evaluateAll((all) => all.map((bar) => (bar as HTMLProgressElement).value));
  };

  /** What the network takes each of the held-out pictures for, and how sure it is. */
  const answersOf = (page: Page) =>
    page.locator('#grid button').evaluateAll((all) => all.map(({ ariaLabel }) => ariaLabel));

  /** How each column sees the picture that is chosen. */
  const columnsOf = (page: Page) =>
    page
      .locator('#look-columns canvas')
      .evaluateAll((all) =>
        all.map((map) => [map.ariaLabel, (map as HTMLCanvasElement).toDataURL()].join()),
      );

  const rightOf = async (page: Page) =>
    Number(/([\d.]+) % of/.exec(await page.innerText('#status'))?.[1]);

  /** The step that a run has reached; 0 where none is said. */
  const stepOf = async (page: Page) =>
    Number(/^Step (\d+) of/.exec(await page.innerText('#status'))?.[1] ?? 0);

  /** Waits for two steps more. */
  async function moreSteps(page: Page): Promise<void> {
    const before = await stepOf(page);
    while ((await stepOf(page)) < before + 2) await page.waitForTimeout(100);
  }

  /** What axe finds wrong, in words. */
  async function violations(page: Page): Promise<string[]> {
    const source = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
    await page.evaluate(source);
    const results = await page.evaluate(() =>
      (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
    );
    return results.violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`),
    );
  }

  test('trains, pauses, goes on after a reload, predicts the same after another, and saves', async () => {
    const page = await open(`${SMALL}&epochs=2`);
    await says(page, 'Train');
    expect(await violations(page)).toEqual([]);
    await page.click('#go');
    await page.locator('#status', { hasText: /^Step \d+ of/ }).waitFor();
    await page.click('#go');
    await says(page, 'Go on');
    const paused = /after step (\d+)/.exec(await page.innerText('#status'))?.[1];
    await page.reload();
    await says(page, 'Go on');
    expect(await page.innerText('#status')).toContain(`after step ${paused}`);
    await page.click('#go');
    await says(page, 'Train again');
    expect(await page.innerText('#status')).toMatch(/60 steps/);
    expect(await page.innerText('#by-columns-text')).toMatch(/A step of 2 columns takes/);
    expect(await page.locator('#grid .right, #grid .wrong').count()).toBe(40);
    await draw(page);
    const bars = await barsOf(page);
    expect(bars).toHaveLength(10);
    expect(bars.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 4);
    const before = await answersOf(page);
    expect(new Set(before).size).toBeGreaterThan(10);
    // The drawing is what the columns are looking at; then a picture that is chosen.
    await page.locator('#look-name', { hasText: 'Your drawing' }).waitFor();
    const ofDrawing = await columnsOf(page);
    expect(ofDrawing).toHaveLength(2);
    await page.locator('#grid button').nth(3).click();
    await page.locator('#look-name', { hasText: 'class star' }).waitFor();
    while (String(await columnsOf(page)) === String(ofDrawing)) await page.waitForTimeout(50);
    await page.selectOption('#look-class', 'circle');
    const ofCircle = await columnsOf(page);
    await page.selectOption('#look-class', 'sun');
    expect(await columnsOf(page)).not.toEqual(ofCircle);
    expect(await page.innerText('#look-of')).toBe('sun');
    expect(await violations(page)).toEqual([]);
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
    const file = path.join(folder, 'weights.safetensors');
    await download.saveAs(file);
    const header = fs.readFileSync(file);
    const names = Object.keys(
      JSON.parse(header.subarray(8, 8 + Number(header.readBigUInt64LE())).toString()) as object,
    );
    expect(names.length).toBeGreaterThan(50);
    await page.reload();
    await says(page, 'Train again');
    expect(await answersOf(page)).toEqual(before);
    await page.locator('#file').setInputFiles([]);
    const chooser = page.waitForEvent('filechooser');
    await page.click('#open');
    await (await chooser).setFiles(file);
    await page.locator('#notice-text', { hasText: 'tensors were read' }).waitFor();
    expect(await page.inputValue('#option-begin')).toBe('trained');
  });

  test('knows the bundled pictures at once, and is fine-tuned from there', async () => {
    const page = await open('train=head&epochs=1&batch=64&backend=wasm');
    const trained = page.locator('#status', { hasText: 'Trained already' });
    await trained.waitFor();
    await says(page, 'Fine-tune');
    const digits = await rightOf(page);
    expect(digits).toBeGreaterThan(97);
    expect(await page.locator('#grid .right, #grid .wrong').count()).toBe(40);
    await page.locator('#look-columns li').nth(1).waitFor();
    expect(await violations(page)).toEqual([]);
    // Weights of two columns are no use to three.
    await page.locator('#columns').fill('3');
    await says(page, 'Train');
    expect(await page.locator('#grid .right').count()).toBe(0);
    await page.locator('#columns').fill('2');
    await trained.waitFor();
    await page.click('#go');
    await says(page, 'Train again');
    expect(await rightOf(page)).toBeGreaterThan(97);
    await page.click('#data label:has-text("Fashion")');
    await trained.waitFor();
    expect(await rightOf(page)).toBeGreaterThan(85);
    expect(await answersOf(page)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^Trouser, taken for Trouser/)]),
    );
  });

  test('says that its worker was killed, and goes on from the last checkpoint', async () => {
    const page = await open(`${SMALL}&epochs=100&batch=8`);
    await says(page, 'Train');
    await page.click('#go');
    // It is saved after the epoch has been told of, before the next step.
    await page.locator('#learning-text', { hasText: 'held-out' }).waitFor();
    await moreSteps(page);
    await workerOf(page).evaluate(() => (globalThis as unknown as { close(): void }).close());
    await page.click('#notice-actions button:has-text("Start another worker")');
    const notice = page.locator('#notice-text', { hasText: 'did not answer. Training was saved' });
    await notice.waitFor();
    const [, kept, lost, reached] = (
      /after step (\d+): (\d+) of (\d+) steps are lost/.exec(await notice.innerText()) ?? []
    ).map(Number);
    expect(kept).toBeGreaterThan(0);
    expect((kept as number) + (lost as number)).toBe(reached);
    while ((await stepOf(page)) <= (kept as number)) await page.waitForTimeout(100);
  });

  test('learns from pictures of one\u2019s own, and refuses what a link makes up', async () => {
    const page = await open(
      'data=own&begin=fresh&side=16&backend=wasm&epochs=3&batch=4&columns=99',
    );
    const refused = page.locator('#notice-text', { hasText: 'columns=99' });
    await refused.waitFor();
    await page.locator('#status', { hasText: 'needs 2 pictures or more' }).waitFor();
    for (const [i, color] of [
      [0, [220, 40, 30]],
      [1, [30, 60, 220]],
    ] as const) {
      const chooser = page.waitForEvent('filechooser');
      await page.click(`#add-${i}`);
      const files = Array.from({ length: 6 }, (_, k) => picture(color, k));
      await (await chooser).setFiles(files);
      await page.fill(`#class-${i}`, ['red', 'blue'][i] as string);
      await page.press(`#class-${i}`, 'Tab');
      await page.locator('.own-class', { hasText: '6 pictures' }).nth(i).waitFor();
    }
    await says(page, 'Train');
    await page.click('#go');
    await says(page, 'Train again');
    expect(await page.innerText('#status')).toContain('100.0 % of held-out pictures right');
    expect(await answersOf(page)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^red, taken for red/)]),
    );
    expect(await violations(page)).toEqual([]);
  });

  // A minute and more in a software renderer.
  const testWhole = process.env.REVCOL_BROWSER === 'all' ? test : test.skip;
  testWhole('tells what works in this browser', async () => {
    const page = await open(SMALL);
    await says(page, 'Train');
    await page.click('#doctor');
    const text = page.locator('#doctor-text');
    await text.locator('text=/^wasm: works$/m').waitFor({ timeout: 300_000 });
    await page.locator('#doctor-text[aria-busy="false"]').waitFor({ timeout: 300_000 });
    expect(await text.innerText()).toContain('webgl: ');
    expect(await violations(page)).toEqual([]);
    await page.close();
  });

  test('tells the language of what is typed, and learns to write a text', async () => {
    const page = await open(SMALL);
    await says(page, 'Train');
    // Nothing of it is loaded before somebody comes there.
    expect(page.workers().some((worker) => worker.url().endsWith('/text_worker.js'))).toBe(false);
    await page.locator('#text').scrollIntoViewIfNeeded();
    const best = page.locator('#languages li').first();
    await best.locator('text=English').waitFor();
    await page.click('#examples button[lang="pl"]');
    await page.locator('#language-said', { hasText: 'Polish' }).waitFor();
    await page.fill('#sentence', '');
    await page.locator('#sentence').pressSequentially('Quel temps fait-il aujourd\u2019hui ?');
    await best.locator('text=French').waitFor();
    await page.locator('#language-said', { hasText: /^French, \d+ % sure/ }).waitFor();
    await page.fill('#sentence', '123 !');
    await page.locator('#language-said', { hasText: 'Type a sentence' }).waitFor();
    expect(await page.locator('#languages li').count()).toBe(0);

    // A text that few steps suffice for.
    await page.fill('#corpus', 'abc');
    await page.click('#learn');
    await page.locator('#writer-status', { hasText: 'has 3 characters; give 256' }).waitFor();
    const song = 'row, row, row your boat\n';
    const chooser = page.waitForEvent('filechooser');
    await page.click('#open-text');
    const buffer = Buffer.from(song.repeat(40));
    await (await chooser).setFiles({ name: 'song.txt', mimeType: 'text/plain', buffer });
    await page.fill('#prompt', 'row, row');
    await page.click('#learn');
    await page.locator('#written', { hasText: 'your boat' }).waitFor();
    // Another network tells languages meanwhile, and typing stays possible.
    await page.fill('#sentence', 'Dove si trova la stazione?');
    await best.locator('text=Italian').waitFor();
    const said = await page.innerText('#writer-status');
    const [, now, stored] = (
      /([\d.]+) MB at the peak; stored mode would take ([\d.]+) MB/.exec(said) ?? []
    ).map(Number);
    expect(now).toBeGreaterThan(0);
    expect(stored).toBeGreaterThan(2 * (now as number));
    expect(await violations(page)).toEqual([]);
    await page.click('#learn');
    await page.locator('#writer-status', { hasText: 'Stopped after step' }).waitFor();
    await page.fill('#prompt', 'w your');
    await page.click('#write');
    await page.locator('#written', { hasText: /^w your boat\nrow/ }).waitFor();

    // Twice the columns: their weights, and no activations.
    await page.selectOption('#writer-columns', '4');
    await page.click('#learn');
    const both = page.locator('#writer-measured', { hasText: '4 columns' });
    await both.waitFor();
    const [two, four] = [...(await both.innerText()).matchAll(/columns ([\d.]+) MB/g)].map(
      ([, megabytes]) => Number(megabytes),
    );
    expect(four).toBeGreaterThan(two as number);
    expect(four).toBeLessThan(2 * (two as number));

    // What is lost with its worker is said, and the next question starts another.
    const text = page.workers().find((worker) => worker.url().endsWith('/text_worker.js'));
    await text?.evaluate(() => (globalThis as unknown as { close(): void }).close());
    await page.locator('#writer-status', { hasText: 'worker is gone' }).waitFor();
    await page.fill('#sentence', 'Waar is het station, alstublieft?');
    await best.locator('text=Dutch').waitFor();
  });

  test('says that the graphics device was lost, and goes on by itself', async () => {
    await context.route('**/worker.js', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: KEEP_CONTEXTS + (await response.text()) });
    });
    const page = await open('data=doodles&begin=fresh&side=16&backend=webgl&epochs=100&batch=4');
    await says(page, 'Train');
    expect(await page.innerText('#backend')).toBe('webgl');
    await page.click('#go');
    await page.locator('#status', { hasText: /^Step \d+ of/ }).waitFor();
    // The first checkpoint is due after 4 seconds; when two more steps have come, it is there.
    await page.waitForTimeout(6000);
    await moreSteps(page);
    await workerOf(page).evaluate(() => {
      const { contexts } = globalThis as unknown as { contexts: WebGL2RenderingContext[] };
      for (const gl of contexts) gl.getExtension('WEBGL_lose_context')?.loseContext();
    });
    const notice = page.locator('#notice-text', { hasText: 'goes on by itself' });
    await notice.waitFor();
    const kept = Number(/after step (\d+)/.exec(await notice.innerText())?.[1]);
    expect(kept).toBeGreaterThan(0);
    await page.locator('#status', { hasText: new RegExp(`^Step ${kept + 1} of`) }).waitFor();
  });
});
