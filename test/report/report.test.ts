/** Reports: one page that needs nothing else, in which names are text. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { PNG } from 'pngjs';

import { tensorSource } from 'tfjs-revcol';
import { escapeHtml } from '../../src/report/html';
import { reportHtml } from '../../src/report/report_html';
import { mistakePictures, writeReport } from '../../src/report/write_report';
import { evaluationOf, historyOf, HOSTILE } from './content';

const count = (text: string, part: RegExp) => [...text.matchAll(part)].length;

describe('a report of everything', () => {
  const evaluation = evaluationOf(HOSTILE, 120);
  const pictures = new Map([[evaluation.worst[0]?.index ?? 0, 'data:image/png;base64,AAAA']]);
  const page = reportHtml({
    title: `Training of ${HOSTILE[0]}\u2028`,
    facts: [['model', '<img src=y>']],
    history: historyOf(200),
    evaluation,
    pictures,
  });

  test('asks for nothing from elsewhere, and runs nothing', () => {
    expect(page).not.toMatch(/<(script|link|iframe|object)|@import|url\((?!#)/i);
    expect(page.replace(/="[^"]*"/g, '')).not.toMatch(/<[^>]*\son\w+/);
    const sources = [...page.matchAll(/\s(?:src|href|xlink:href)="([^"]*)"/g)].map(([, to]) => to);
    expect(sources).toEqual(['data:image/png;base64,AAAA']);
    // Namespaces of SVG are names, not addresses.
    const addresses = [...page.matchAll(/https?:\/\/[^\s"<]*/g)].map(([address]) => address);
    expect(new Set(addresses)).toEqual(
      new Set(['http://www.w3.org/2000/svg', 'http://www.w3.org/1999/xlink']),
    );
    expect(page).toContain("default-src 'none'");
  });

  test('of five classes the five most likely tell nothing', () => {
    expect(page).not.toContain('top 5');
    const more = evaluationOf([...HOSTILE, 'sixth'], 60);
    expect(reportHtml({ title: '', evaluation: more })).toContain('accuracy (top 5)');
  });

  test('names are text', () => {
    for (const name of HOSTILE.slice(0, 3))
      expect(page).toContain(`<bdi>${escapeHtml(name)}</bdi>`);
    // What would turn the direction of writing is shown.
    expect(page).toContain('<bdi>\\u202egnp.exe</bdi>');
    expect(page).toContain('<bdi>a line\\u2028\\nand another</bdi>');
    expect(page).not.toMatch(/[\u2028\u202e]/);
    expect(page).toContain('<bdi>&lt;b&gt;broken&lt;/b&gt;.jpg</bdi>');
    expect(page).toContain('<bdi>&lt;img src=y&gt;</bdi>');
    expect(page).toContain(
      '<title>Training of &lt;script&gt;alert(1)&lt;/script&gt;\\u2028</title>',
    );
    expect(page).not.toMatch(/<(img|b|i)\b(?! src="data:)/);
  });

  test('charts are named pictures whose text is text', () => {
    const charts = [
      ...page.matchAll(
        /<figure>\s*<figcaption>(.*)<\/figcaption>\s*<svg role="img" aria-label="([^"]*)"/g,
      ),
    ];
    expect(charts.map(([, title, label]) => [title, label])).toEqual([
      ['Loss', 'Loss: training, validation, by step; cross entropy'],
      ['Accuracy', 'Accuracy: training, validation, by step; rightly classified'],
      ['Learning rate', 'Learning rate: learning rate, by step; learning rate'],
      [
        'Memory',
        'Memory: in tensors, at the peak of a step, in tensors, after a step, of the process, by step; bytes',
      ],
      ['Speed', 'Speed: images per second, by step; images per second'],
      [
        'Accuracy by confidence',
        'Accuracy by confidence: accuracy, calibrated, by highest probability; rightly classified',
      ],
    ]);
    expect(page).toMatch(/<text[^>]*>validation<\/text>/);
    expect(page).toMatch(/<text[^>]*>everything<\/text>/);
    expect(count(page, /<h2 /g)).toBe(7);
    // What a clip path is called in one chart is not what another's is.
    const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('numbers are those of the evaluation', () => {
    const { confusionMatrix, examples, top1, worst } = evaluation;
    expect(page).toContain(`<dd><bdi>${examples}</bdi></dd>`);
    expect(page).toContain(`<dd><bdi>${(100 * top1).toFixed(1)} %</bdi></dd>`);
    const cells = [...page.matchAll(/<td (?:class="none"|style="[^"]*")>(\d+)<\/td>/g)];
    expect(cells.map(([, cell]) => Number(cell))).toEqual(confusionMatrix?.flat());
    expect(count(page, /<li>/g)).toBe(worst.length);
    const alt = `${worst[0]?.name}: of class ${HOSTILE[worst[0]?.label ?? 0]}`;
    expect(page).toContain(`alt="${escapeHtml(alt)}`);
  });
});

test('parts that are not given are not there', () => {
  expect(count(reportHtml({ title: 'Nothing' }), /<h2|<svg|<table/g)).toBe(0);
  const short = reportHtml({
    title: 'One step',
    history: [
      { step: 1, loss: NaN },
      { step: 2, loss: 1 },
    ],
  });
  expect(count(short, /<svg/g)).toBe(1);
});

test('of many classes the matrix shows those that are confused', () => {
  const names = Array.from({ length: 90 }, (_, i) => `class ${i}`);
  const page = reportHtml({ title: 'Many', evaluation: evaluationOf(names, 200) });
  expect(page).toContain('Of 90 classes the 40 that are confused most.');
  expect(count(page, /<th scope="col"><span>/g)).toBe(40);
});

test('the pictures of mistakes are small and whole, and the file appears at once', async () => {
  const data = new Uint8Array(2 * 200 * 320 * 3);
  data.fill(200, data.length / 2);
  const source = await tensorSource({ data, shape: [2, 200, 320, 3] }, [0, 1]);
  const worst = [{ ...evaluationOf(['a', 'b'], 9).worst[0], index: 1 }] as never;
  const pictures = await mistakePictures(source, { ...evaluationOf(['a', 'b'], 9), worst });
  const [url = ''] = pictures.values();
  const png = PNG.sync.read(Buffer.from(url.split(',')[1] as string, 'base64'));
  expect([png.width, png.height]).toEqual([160, 100]);
  expect([...png.data.subarray(0, 4)]).toEqual([200, 200, 200, 255]);

  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-report-'));
  const file = path.join(folder, 'report.html');
  await writeReport(file, { title: 'First' });
  await writeReport(file, { title: 'Second' });
  expect(fs.readFileSync(file, 'utf8')).toContain('<h1>Second</h1>');
  await expect(writeReport(path.join(file, 'such.html'), { title: '' })).rejects.toThrow(
    /such\.html cannot be written/,
  );
  expect(fs.readdirSync(folder)).toEqual(['report.html']);
  fs.rmSync(folder, { recursive: true });
});
