/**
 * Bundles files with Metro, set as React Native sets it. A process of its own, because Metro watches and
 * caches what it likes.
 *
 *   node metro_bundle.mjs FOLDER '[{ "entry": "a.js", "out": "b.js", "exportsField": true }]'
 *
 * Prints, as JSON, for each of them null or why it cannot be bundled.
 */
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import Metro from 'metro';

const [folder, wanted] = process.argv.slice(2);
// Metro compares paths, and systems have their temporary folders behind links.
const projectRoot = fs.realpathSync(folder);
const runtime = path.dirname(createRequire(import.meta.url).resolve('metro-runtime/package.json'));
const defaults = await Metro.loadConfig({ cwd: projectRoot, projectRoot, maxWorkers: 1 });

// What Metro has made of a file once; most are in several bundles.
const made = new Map();
const memory = {
  name: 'memory',
  get: (key) => made.get(key.toString('hex')) ?? null,
  set: (key, value) => void made.set(key.toString('hex'), value),
  clear: () => made.clear(),
};

async function bundle({ entry, out, exportsField }) {
  const config = Metro.mergeConfig(defaults, {
    watchFolders: [projectRoot, runtime],
    cacheStores: [memory],
    reporter: { update() {} },
    resolver: {
      useWatchman: false,
      extraNodeModules: { 'metro-runtime': runtime },
      resolverMainFields: ['react-native', 'browser', 'main'],
      unstable_conditionNames: ['react-native'],
      unstable_enablePackageExports: exportsField,
      // tfjs as the program around gives it: its own files take a quarter of a minute.
      resolveRequest: (context, name, platform) =>
        name.startsWith('@tensorflow/')
          ? { type: 'sourceFile', filePath: path.join(projectRoot, `${path.basename(name)}.js`) }
          : context.resolveRequest(context, name, platform),
    },
    transformer: {
      getTransformOptions: async () => ({
        transform: { experimentalImportSupport: true, inlineRequires: false },
      }),
    },
  });
  const options = { entry, platform: 'ios', dev: false, minify: false };
  await Metro.runBuild(config, { ...options, out: path.join(projectRoot, out) });
}

const failures = [];
for (const one of JSON.parse(wanted)) {
  failures.push(
    await bundle(one).then(
      () => null,
      (error) => String(error),
    ),
  );
}
console.log(JSON.stringify(failures));
