/**
 * The public names, values and types, of every entry, against the list in public_names.txt: what
 * changes there is seen in review. After a change that is meant:
 *
 *   REVCOL_WRITE_NAMES=1 npx jest test/package/public_names
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import ts from 'typescript';

const ROOT = path.resolve(__dirname, '../..');
const LIST = path.join(__dirname, 'public_names.txt');
const ENTRIES = path.join(ROOT, 'src/entries');

interface Manifest {
  exports: Record<string, Record<'import' | 'require', Record<'types' | 'default', string>>>;
  typesVersions: Record<string, Record<string, string[]>>;
  sideEffects: string[];
}
const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as Manifest;

const PARTS = fs.readdirSync(ENTRIES).map((file) => path.parse(file).name);
const fileOf = (part: string) =>
  part === 'index' ? path.join(ROOT, 'src/index.ts') : path.join(ENTRIES, `${part}.ts`);
const FILES = ['index', ...PARTS];

const { config } = ts.readConfigFile(path.join(ROOT, 'tsconfig.json'), (file) =>
  ts.sys.readFile(file),
) as { config: unknown };
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
const program = ts.createProgram(FILES.map(fileOf), options);
const checker = program.getTypeChecker();

function kindOf({ flags }: ts.Symbol): string {
  if (flags & ts.SymbolFlags.Class) return 'class';
  if (flags & ts.SymbolFlags.Function) return 'function';
  if (flags & ts.SymbolFlags.ValueModule) return 'namespace';
  return flags & ts.SymbolFlags.Value ? 'const' : 'type';
}

/** `kind name` of everything that a module exports, of namespaces also what is in them. */
function namesOf(module: ts.Symbol, prefix = ''): string[] {
  return checker.getExportsOfModule(module).flatMap((symbol) => {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const kind = kindOf(target);
    const name = `${prefix}${symbol.name}`;
    const inner = kind === 'namespace' ? namesOf(target, `${name}.`) : [];
    return [`${kind} ${name}`, ...inner];
  });
}

const byName = (a: string, b: string) => {
  const [x = '', y = ''] = [a, b].map((line) => line.split(' ')[1]);
  return x < y ? -1 : x > y ? 1 : 0;
};

const NAMES = new Map(
  FILES.map((part) => {
    const source = program.getSourceFile(fileOf(part)) as ts.SourceFile;
    return [part, namesOf(checker.getSymbolAtLocation(source) as ts.Symbol).sort(byName)];
  }),
);

test('the public names are those of the list', () => {
  const text = [...NAMES]
    .map(([part, names]) => {
      const entry = part === 'index' ? 'tfjs-revcol' : `tfjs-revcol/${part}`;
      return [entry, ...names.map((name) => `  ${name}`)].join('\n');
    })
    .join('\n\n');
  if (process.env.REVCOL_WRITE_NAMES) fs.writeFileSync(LIST, `${text}\n`);
  expect(`${text}\n`).toBe(fs.readFileSync(LIST, 'utf8'));
});

test('the main entry has what the parts have, each under the same name', () => {
  // Names of files in Node, 30 kB of class names, and examinations are asked for by themselves.
  const apart = ['node', 'imagenet_classes', 'doctor'];
  const parts = PARTS.filter((part) => !apart.includes(part));
  const all = new Set(parts.flatMap((part) => NAMES.get(part) ?? []));
  expect(NAMES.get('index')).toEqual([...all].sort(byName));
  expect(all.size).toBeGreaterThan(100);
});

/** Those that reach a file with a stand-in for browsers, and so have builds of their own. */
const PORTABLE = [
  'index',
  'adapters',
  'convert',
  'doctor',
  'layers',
  'models',
  'plan',
  'training',
  'weights',
];

test('package.json exports every entry, also to old module resolution', () => {
  const file = (name: string, types: string, ending: string) => {
    const browser = `./dist/browser/${name}.${ending}`;
    return {
      types: `./dist/${name}.${types}`,
      ...(PORTABLE.includes(name) ? { 'react-native': browser, browser } : {}),
      default: `./dist/${name}.${ending}`,
    };
  };
  const target = (name: string) => ({
    import: file(name, 'd.ts', 'js'),
    require: file(name, 'd.cts', 'cjs'),
  });
  expect(manifest.exports).toEqual({
    ...Object.fromEntries(PARTS.map((part) => [`./${part}`, target(part)])),
    '.': target('index'),
    './package.json': './package.json',
    './weights/*.safetensors': './weights/*.safetensors',
  });
  expect(manifest.typesVersions).toEqual({
    '*': Object.fromEntries(PARTS.map((part) => [part, [`./dist/${part}.d.ts`]])),
  });
});

test('the entries that call something are the side effects that package.json states', () => {
  const calling = FILES.filter((part) =>
    program.getSourceFile(fileOf(part))?.statements.some((s) => ts.isExpressionStatement(s)),
  );
  expect(calling.length).toBeGreaterThan(1);
  expect([...manifest.sideEffects].sort()).toEqual(
    calling
      .flatMap((part) => [
        ...[part, ...(PORTABLE.includes(part) ? [`browser/${part}`] : [])].flatMap((name) => [
          `./dist/${name}.js`,
          `./dist/${name}.cjs`,
        ]),
        `./${path.relative(ROOT, fileOf(part))}`,
      ])
      .sort(),
  );
});
