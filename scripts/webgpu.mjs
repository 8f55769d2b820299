/**
 * Sets up webgpu in Node for this checkout: the npm package `webgpu` (Dawn, as in Chromium) in the ignored
 * folder .webgpu, as it is large and no dependency. docs/webgpu-node.md tells the same for other projects.
 *
 *   npm run webgpu               the package, then what adapter it finds
 *   npm run webgpu -- --force    again, although it is set up
 *
 * Without a graphics card a software renderer will do: the driver that `VK_ICD_FILENAMES` names, else
 * that of the system, else SwiftShader, which comes with Chromium.
 *
 * Exit status: 0 done, 2 no package or no adapter to be had, 1 anything else.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSION = '0.6.2';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const folder = path.join(root, '.webgpu');
/** Written last; says which driver to use. */
const ready = path.join(folder, 'ready');

/** Drivers to try: undefined is what the system has. */
const DRIVERS = [
  process.env.VK_ICD_FILENAMES,
  undefined,
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  '/opt/google/chrome/vk_swiftshader_icd.json',
];

/** Asks for an adapter in a process of its own, as a driver is chosen when the library loads. */
const PROBE = `
  const { create } = await import('webgpu');
  const adapter = await create([]).requestAdapter();
  if (!adapter) process.exit(2);
  const { vendor, architecture, description } = adapter.info;
  console.log([vendor, architecture, description].filter(Boolean).join(', ') || 'unnamed');`;

function say(text) {
  process.stdout.write(`webgpu: ${text}\n`);
}

function probe(driver) {
  const env = { ...process.env };
  if (driver === undefined) delete env.VK_ICD_FILENAMES;
  else env.VK_ICD_FILENAMES = driver;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', PROBE], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  return status === 0 ? stdout.trim() : null;
}

if (fs.existsSync(ready) && !process.argv.includes('--force')) {
  say(`set up already (${fs.readFileSync(ready, 'utf8').trim()}); --force does it again`);
  process.exit(0);
}
fs.rmSync(folder, { recursive: true, force: true });
fs.mkdirSync(folder, { recursive: true });
fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
try {
  // Its script is for macOS, where it unpacks a library.
  const scripts = process.platform === 'darwin' ? [] : ['--ignore-scripts'];
  const args = ['install', '--no-audit', '--no-fund', ...scripts, `webgpu@${VERSION}`];
  execFileSync('npm', args, { cwd: folder, stdio: 'inherit' });
} catch (error) {
  say(`the package webgpu ${VERSION} is not to be had: ${error.message}`);
  process.exit(2);
}
const known = DRIVERS.filter((file) => file === undefined || fs.existsSync(file));
for (const driver of new Set(known)) {
  const adapter = probe(driver);
  say(`${driver ?? 'the drivers of the system'}: ${adapter ?? 'no adapter'}`);
  if (adapter === null) continue;
  fs.writeFileSync(ready, `${JSON.stringify({ adapter, driver: driver ?? null })}\n`);
  process.exit(0);
}
say('no adapter; docs/webgpu-node.md tells where drivers are to be had');
process.exit(2);
