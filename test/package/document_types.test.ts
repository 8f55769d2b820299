/** All code of README and docs compiles in strict mode, as someone pastes it into TypeScript. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import ts from 'typescript';

import { documentBlocks } from '../support/document_code';

const ROOT = path.resolve(__dirname, '../..');

/** What the text around the code says is there. */
const GIVEN: Record<string, string> = {
  'docs/browser.md': `
    declare const model: tf.LayersModel;
    declare function batch(step: number): Record<'x' | 'y', tf.Tensor>;`,
  'docs/how-it-works.md': `
    import * as tf from '@tensorflow/tfjs';
    declare const backbone: import('tfjs-revcol').RevColBackbone;
    declare const images: tf.Tensor4D, w: tf.Variable<tf.Rank.R2>, x: tf.Tensor2D;`,
  'docs/models.md': `declare const image: import('tfjs-revcol').PixelImage;`,
  'docs/resume.md': `
    declare const allImages: tf.Tensor4D, allLabels: tf.Tensor2D;
    declare function examples(indices: ArrayLike<number>): [x: tf.Tensor4D, y: tf.Tensor2D];
    declare function takeStep(step: number): void;`,
  'docs/translation.md': `
    declare const steps: number;
    declare function nextBatch(): Record<'source' | 'target' | 'wanted', tf.Tensor2D>;`,
};

/** Errors that only say that JavaScript's parameters have no types. */
const UNTYPED = new Set([7006, 7019, 7031]);

interface Line {
  text: string;
  isJavaScript: boolean;
}

/** The code of a document as programs: one that imports tfjs anew begins another. */
function programsOf(file: string): Line[][] {
  const programs: Line[][] = [];
  for (const { language, code } of documentBlocks(file)) {
    const lines = code.split('\n').map((text) => ({ text, isJavaScript: language === 'js' }));
    const last = programs.at(-1);
    if (!last || /^import \* as tf /m.test(code)) programs.push(lines);
    else last.push(...lines);
  }
  return programs;
}

const DOCUMENTS = [
  'README.md',
  ...fs
    .readdirSync(path.join(ROOT, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
].filter((file) => documentBlocks(file).length > 0);

/** Files that TypeScript finds although they are on no disk, by path. */
const sources = new Map<string, { document: string; lines: Line[]; text: string }>();
for (const document of DOCUMENTS) {
  programsOf(document).forEach((lines, i) => {
    const given = (GIVEN[document] ?? '').replace(/\n\s*/g, ' ');
    const name = `${document.replace(/\W/g, '_')}_${i}.ts`;
    const text = [...lines.map((line) => line.text), `${given} export {};`].join('\n');
    sources.set(path.join(ROOT, name), { document, lines, text });
  });
}

function diagnose(): Map<string, string[]> {
  const { config } = ts.readConfigFile(path.join(ROOT, 'tsconfig.json'), (file) =>
    ts.sys.readFile(file),
  ) as { config: unknown };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const strict: ts.CompilerOptions = {
    ...options,
    // `strict` and nothing beyond it.
    noImplicitOverride: false,
    noUncheckedIndexedAccess: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
    types: ['node'],
    // They are not installed for tests. The first exports what @tensorflow/tfjs does, and more.
    paths: {
      ...options.paths,
      '@tensorflow/tfjs-node-gpu': ['./node_modules/@tensorflow/tfjs/dist/index.d.ts'],
      webgpu: ['./test/package/webgpu.d.ts'],
    },
  };
  const host = ts.createCompilerHost(strict);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (file) => sources.has(file) || fileExists(file);
  host.readFile = (file) => sources.get(file)?.text ?? readFile(file);
  host.getSourceFile = (file, ...rest) => {
    const text = sources.get(file)?.text;
    return text === undefined
      ? getSourceFile(file, ...rest)
      : ts.createSourceFile(file, text, rest[0], true);
  };
  const program = ts.createProgram([...sources.keys()], strict, host);
  const found = new Map<string, string[]>(DOCUMENTS.map((document) => [document, []]));
  for (const [file, { document, lines }] of sources) {
    const source = program.getSourceFile(file) as ts.SourceFile;
    for (const { start = 0, code, messageText } of ts.getPreEmitDiagnostics(program, source)) {
      const line = lines[source.getLineAndCharacterOfPosition(start).line];
      if (line?.isJavaScript && UNTYPED.has(code)) continue;
      const message = ts.flattenDiagnosticMessageText(messageText, ' ');
      found.get(document)?.push(`${line?.text.trim()}: ${message}`);
    }
  }
  return found;
}

describe('the code of documents compiles in strict mode', () => {
  let found: Map<string, string[]>;
  beforeAll(() => {
    found = diagnose();
  });

  test.each(DOCUMENTS)('%s', (document) => {
    expect(found.get(document)).toEqual([]);
  });
});
