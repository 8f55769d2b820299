/** Rooms of src may import from rooms to their left only; nothing imports in a circle. */
const rooms = [
  'ops',
  'layers',
  'registry',
  'preprocessing',
  'weights',
  'training',
  'models',
  'cli',
];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    ...rooms.map((room, i) => ({
      name: `${room}-knows-only-rooms-below`,
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: { path: `^src/(${[...rooms.slice(i + 1), 'index\\.ts', 'node\\.ts'].join('|')})` },
    })),
  ],
  options: {
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'src/ops/wasm/assembly' },
  },
};
