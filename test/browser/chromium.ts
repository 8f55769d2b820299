/** Where the browser for the tests is, and how it starts. */
import * as fs from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/google-chrome'];

/**
 * `REVCOL_CHROMIUM`, else where Linux distributions put it, else what Playwright downloaded
 * (`npx playwright-core install chromium`); undefined where there is none.
 */
export const CHROMIUM = [process.env.REVCOL_CHROMIUM, ...PLACES, chromium.executablePath()].find(
  (file) => file !== undefined && fs.existsSync(file),
);

// Without a GPU, webgl and webgpu run on SwiftShader; the last three are what webgpu then needs.
const FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
];

/** Starts it, headless. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}
