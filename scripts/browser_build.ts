/**
 * The package's builds without Node code, for the export conditions `browser` and `react-native`: where
 * `NAME.browser.ts` stands beside `NAME.ts`, they have the former. Both kinds of builds come from one
 * run of esbuild, so that what needs no such file is there once, in chunks that they share: a class is
 * the same class in both.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { build, type Plugin } from 'esbuild';

const MARK = '?browser';

/** The file that stands in for a module of the source; undefined where there is none. */
const standIn = (file: string): string | undefined => {
  const other = file.replace(/\.ts$/, '.browser.ts');
  return fs.existsSync(other) ? other : undefined;
};

/** The modules that import one with a stand-in, directly or through others; absolute paths. */
async function affectedBy(entries: string[]): Promise<Set<string>> {
  const { metafile } = await build({
    entryPoints: entries,
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    splitting: true,
    outdir: 'out',
    packages: 'external',
    external: ['node:*'],
    logLevel: 'error',
  });
  const importers = new Map<string, string[]>();
  for (const [file, { imports }] of Object.entries(metafile.inputs)) {
    for (const { path: imported, external } of imports) {
      if (!external) importers.set(imported, [...(importers.get(imported) ?? []), file]);
    }
  }
  const found = new Set(Object.keys(metafile.inputs).filter(standIn));
  for (const file of found) importers.get(file)?.forEach((importer) => found.add(importer));
  return new Set([...found].map((file) => path.resolve(file)));
}

/** What makes builds for browsers. */
export interface BrowserBuild {
  /** Those entries that have a form of their own, by name. */
  entries: Record<string, string>;
  plugin: Plugin;
}

/**
 * Finds out which entries reach code of Node, and how to build them without it.
 *
 * @param entries source file by name of the entry
 */
export async function browserBuild(entries: Record<string, string>): Promise<BrowserBuild> {
  const affected = await affectedBy(Object.values(entries));
  const own = Object.entries(entries).filter(([, file]) => affected.has(path.resolve(file)));
  return {
    entries: Object.fromEntries(own.map(([name, file]) => [name, file + MARK])),
    plugin: {
      name: 'browser-build',
      setup({ onResolve, onLoad }) {
        onResolve({ filter: /\?browser$/ }, ({ path: entry }) => ({
          path: path.resolve(entry.slice(0, -MARK.length)),
          suffix: MARK,
        }));
        onResolve({ filter: /^\./ }, ({ path: name, resolveDir, pluginData }) => {
          if (pluginData !== MARK) return undefined;
          const file = path.resolve(resolveDir, `${name}.ts`);
          const other = standIn(file);
          if (other) return { path: other, suffix: MARK };
          return affected.has(file) ? { path: file, suffix: MARK } : undefined;
        });
        onLoad({ filter: /\.ts$/ }, async ({ path: file, suffix }) => {
          if (suffix !== MARK) return undefined;
          const contents = await fs.promises.readFile(file, 'utf8');
          return { contents, loader: 'ts', resolveDir: path.dirname(file), pluginData: MARK };
        });
      },
    },
  };
}
