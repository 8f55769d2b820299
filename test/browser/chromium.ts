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

const ALWAYS = ['--no-sandbox', '--disable-quic'];

// Without a GPU, webgl and webgpu run on SwiftShader; the last three are what webgpu then needs.
const IN_SOFTWARE = [
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
];

// Vulkan without a window, as on servers.
const ON_CARD = [
  '--use-angle=vulkan',
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan,VulkanFromANGLE,DefaultANGLEVulkan',
  '--disable-vulkan-surface',
  '--disable-gpu-sandbox',
  '--ignore-gpu-blocklist',
];

/** Starts it, headless: in software, the same everywhere, unless `REVCOL_GPU` is 1. */
export function launchChromium(): Promise<Browser> {
  const graphics = process.env.REVCOL_GPU === '1' ? ON_CARD : IN_SOFTWARE;
  return chromium.launch({ executablePath: CHROMIUM, args: [...ALWAYS, ...graphics] });
}
