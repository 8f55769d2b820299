/** Rooms of src, lowest first: a room may import from those before it, never from those after. */
const rooms = [
  'ops',
  'layers',
  'registry',
  'preprocessing',
  'weights',
  'files',
  'training',
  'text',
  'models',
  'convert',
  'cli',
];
const entries = ['index\\.ts', 'node\\.ts'];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'every-room-has-its-place',
      comment: 'A folder of src that is not among the rooms above: give it a place in their order.',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/((${rooms.join('|')})/|(${entries.join('|')})$)` },
      to: {},
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
    ...rooms.map((room, i) => ({
      name: `${room}-knows-only-rooms-below`,
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: { path: `^src/(${[...rooms.slice(i + 1).map((r) => `${r}/`), ...entries].join('|')})` },
    })),
  ],
  options: {
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require'] },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'src/ops/wasm/assembly' },
  },
};
