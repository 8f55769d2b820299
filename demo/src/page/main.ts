/** The page: puts its parts together. */
import { App } from './app';
import { Camera } from './camera';
import { codeOf } from './code';
import { offerDoctor } from './doctor';
import { button, element, make } from './dom';
import { choose, type FoundFile, isCheckpoint, isText, onDrop } from './files';
import { notice } from './notice';
import { OwnPictures } from './own';
import { Pad } from './pad';
import { single, squareOf } from './pixels';
import { showBars } from './results';
import { TextCorner } from './text_corner';

/** Milliseconds between two looks at the pad or the camera. */
const LOOK_EVERY = 250;
const OWN_SIDE = 96;

const own = new OwnPictures(
  () => void app.loadData(),
  (index) => camera.record(index),
  (index) => choose('pictures', (found) => void addPictures(found, index)),
);
const camera = new Camera(
  (index, video) => own.add(index, video, video.videoWidth, video.videoHeight),
  (isOn) => own.setCamera(isOn),
  (message) => notice(message),
);
const app = new App(
  () => own.missing ?? own.data,
  () => {
    own.lock(app.isRunning);
    showPadClasses();
  },
);

const corner = new TextCorner();

let isStale = true;
const bars = element('bars', HTMLOListElement);
const pad = new Pad(() => {
  isStale = true;
  bars.ariaBusy = 'true';
});

/** Looks at the camera or the pad, again and again. */
async function look(): Promise<void> {
  const { view } = camera;
  const isOwn = app.controls.settings.data === 'own';
  const isDue = view ?? (!pad.isEmpty && (isStale || app.isTraining));
  if (app.canAsk && !document.hidden && isDue) {
    const isOther = view !== null || isStale;
    isStale = false;
    const pictures = view
      ? single(squareOf(view, view.videoWidth, view.videoHeight, OWN_SIDE), OWN_SIDE)
      : isOwn
        ? single(squareOf(pad.picture, 280, 280, OWN_SIDE), OWN_SIDE)
        : single(pad.read(), 28);
    // A worker that was ended meanwhile has no answer.
    const answer = await app.engine
      .ask<number[][] | null>({ kind: 'predict', pictures })
      .catch(() => null);
    const [values] = answer ?? [];
    if (values) showBars(bars, app.data?.classNames ?? [], values);
    if (values && isOther) app.lookAt(pictures, view ? 'What the camera sees' : 'Your drawing');
    bars.ariaBusy = String(isStale);
  }
  setTimeout(() => void look(), LOOK_EVERY);
}

async function addPictures(found: FoundFile[], index?: number): Promise<void> {
  app.controls.take({ ...app.controls.settings, data: 'own' });
  const inFolders = found.filter(({ folder }) => folder !== undefined);
  const loose = found.length - inFolders.length;
  const files =
    index === undefined
      ? inFolders.map(({ file, folder }) => ({ file, className: folder as string }))
      : found.map(({ file }) => ({ file, className: index }));
  const problems = await own.addFiles(files);
  if (index === undefined && loose > 0) {
    problems.push(
      `${loose} files lie in no folder, so their class is unknown: add them to a class.`,
    );
  }
  if (problems.length > 0) notice(problems.join(' '));
}

async function openWeights(file: File): Promise<void> {
  const { settings } = app.controls;
  try {
    const { loaded, missing } = await app.engine.ask<{ loaded: number; missing: number }>({
      kind: 'open',
      file,
      settings,
      classNames: app.data?.classNames ?? ['1', '2'],
    });
    app.controls.take({ ...settings, begin: 'trained' });
    const rest = missing > 0 ? `; ${missing} that it lacks begin at random` : '';
    notice(`${file.name}: ${loaded} tensors were read${rest}. The next run begins with them.`);
  } catch (error) {
    notice(`${file.name} cannot be used: ${(error as Error).message}`);
  }
}

function take(found: FoundFile[]): void {
  const [checkpoint] = found.filter(({ file }) => isCheckpoint(file));
  const [text] = found.filter(({ file }) => isText(file));
  if (text) void text.file.text().then((read) => corner.take(read));
  else if (checkpoint) void openWeights(checkpoint.file);
  else if (app.isTraining) notice('Pause first: a run keeps the pictures it began with.');
  else void addPictures(found);
}

async function save(): Promise<void> {
  try {
    const blob = await app.engine.ask<Blob>({ kind: 'save' });
    const href = URL.createObjectURL(blob);
    make('a', { href, download: `revcol-${app.controls.settings.data}.safetensors` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
  } catch (error) {
    notice(`The weights cannot be saved: ${(error as Error).message}`);
  }
}

async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    element('status', HTMLElement).textContent = `${what} is on the clipboard.`;
  } catch {
    notice(`${what} cannot be put on the clipboard; copy it from here: ${text}`);
  }
}

/** Drawings can be added to one's own classes. */
function showPadClasses(): void {
  const isOwn = app.controls.settings.data === 'own';
  const select = element('pad-class', HTMLSelectElement);
  const chosen = select.value;
  select.replaceChildren(
    ...own.classes.map(({ name }, i) => make('option', { value: String(i) }, name)),
  );
  if (chosen !== '') select.value = chosen;
  select.hidden = !isOwn;
  button('add-drawing').hidden = !isOwn;
}

button('add-folder').addEventListener('click', () => choose('folder', take));
button('open-text').addEventListener('click', () => choose('text', take));
button('open').addEventListener('click', () => choose('weights', take));
button('save').addEventListener('click', () => void save());
button('share').addEventListener('click', () => void copy(app.controls.link, 'The link'));
button('code').addEventListener('click', () => {
  const text = codeOf(app.controls.settings, app.data?.classNames.length ?? 2);
  const place = element('code-text', HTMLElement);
  place.textContent = text;
  place.hidden = false;
  void copy(text, 'The code');
});
button('clear-pad').addEventListener('click', () => {
  pad.clear();
  bars.replaceChildren();
});
button('add-drawing').addEventListener('click', () => {
  if (pad.isEmpty) return;
  own.add(Number(element('pad-class', HTMLSelectElement).value), pad.picture, 280, 280);
  pad.clear();
});
onDrop(take, (message) => notice(message));
offerDoctor();

await app.start();
void look();
