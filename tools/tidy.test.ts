import { describe, expect, it } from 'vitest';
import { treeOf } from './tidy/tree.ts';
import { checkTree, featureIds, mustTables } from './tidy.ts';

const core = { name: '@mintmark/core', exports: { '.': './src/index.ts' } };
const tokens = {
  name: '@mintmark/tokens',
  exports: { '.': './src/index.ts' },
  dependencies: { '@mintmark/core': '0.1.0' },
};
const authority = {
  name: '@mintmark/authority',
  exports: { '.': './src/index.ts' },
  dependencies: { '@mintmark/core': '0.1.0', pg: '1.0.0' },
};

const table = { standard: 'RFC 1', source: 'read', sections: [], rows: [] };

/** A tree that keeps every rule. */
const sound: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({ name: 'top', devDependencies: { vitest: '1.0.0' } }),
  'package-lock.json': JSON.stringify({ packages: { 'node_modules/pg': { version: '1' } } }),
  'docs/features.md': featureIds.join(' '),
  'docs/dependencies.md': '## At run time\n\n| `pg` | why |\n',
  'docs/errors.md': '## Faults\n\n| `disk_full` | free some |\n',
  ...Object.fromEntries(
    mustTables.map((name) => [`conformance/musts/${name}.json`, JSON.stringify(table)]),
  ),
  'packages/core/package.json': JSON.stringify(core),
  'packages/core/src/index.ts': "export { one } from './one.ts';\n",
  'packages/core/src/one.ts': 'export const one = 1;\n',
  'packages/core/src/system.ts': 'export const clock = { nowMs: () => Date.now() };\n',
  'packages/core/src/system.test.ts': "import { clock } from './system.ts';\nclock.nowMs();\n",
  'packages/tokens/package.json': JSON.stringify(tokens),
  'packages/tokens/src/index.ts': "export { two } from './two.ts';\n",
  'packages/tokens/src/two.ts': "import { one } from '@mintmark/core';\nexport const two = one;\n",
  'packages/authority/package.json': JSON.stringify(authority),
  'packages/authority/src/index.ts': "export { open } from './authority.ts';\n",
  'packages/authority/src/authority.ts': "export { store as open } from './store/store.ts';\n",
  'packages/authority/src/store/store.ts':
    "import '@mintmark/core';\nimport 'pg';\nthrow new StoreFault('disk_full', 'no');\n",
};

function rulesBroken(changes: Readonly<Record<string, string>>): string[] {
  const tree = treeOf({ ...sound, ...changes });
  return checkTree(tree).map((finding) => `${finding.rule} ${finding.path}:${finding.line}`);
}

/** Appends to `one.ts`, which is an ordinary file of an engine. */
function inOne(text: string): Record<string, string> {
  return { 'packages/core/src/one.ts': `export const one = 1;\n${text}\n` };
}

const one = 'packages/core/src/one.ts';

describe('tidy', () => {
  it('finds nothing in a tree that keeps every rule', () => {
    expect(rulesBroken({})).toEqual([]);
  });

  it.each([
    ['reads the wall clock', 'Date.now();', 'clock'],
    ['makes a date of now', 'new Date();', 'clock'],
    ['measures with the ambient clock', 'performance.now();', 'clock'],
    ['starts a timer', 'setTimeout(() => {}, 1);', 'clock'],
    ['passes a timer on', 'export default { wait: setInterval };', 'clock'],
    ['starts a timer by the global object', 'globalThis.setImmediate(() => {});', 'clock'],
    ['aborts by an ambient timer', 'AbortSignal.timeout(5);', 'clock'],
    ['draws from Math.random', 'Math.random();', 'entropy'],
    ['makes a UUID', 'crypto.randomUUID();', 'entropy'],
    ['calls global fetch', 'await fetch("http://localhost");', 'outside'],
    ['reads the environment', 'process.env;', 'outside'],
    ['uses any', 'export type One = any;', 'types'],
    ['names a type by nothing', 'export interface Manager { a: 1 }', 'names'],
    ['leaves work behind', '// TO' + 'DO: later', 'words'],
    ['silences the compiler', '// @ts-ignore', 'words'],
    ['is too wide', `// ${'wide '.repeat(20)}`, 'size'],
  ])('refuses a file that %s', (_, text, rule) => {
    expect(rulesBroken(inOne(text))).toContain(`${rule} ${one}:2`);
  });

  it.each([
    ['a date made of a value', 'new Date(0);'],
    ['a property that is called like a timer', 'export const timers = { setTimeout: 1 };'],
    ['an injected fetch', 'declare const ports: { fetch(): void }; ports.fetch();'],
    ['a reasoned lint exception', '// biome-ignore lint/style/useConst: shows the reason'],
  ])('accepts %s', (_, text) => {
    expect(rulesBroken(inOne(text)).filter((rule) => !rule.startsWith('dead'))).toEqual([]);
  });

  it('refuses imported randomness and timers', () => {
    const text = "import { randomBytes } from 'node:crypto';\nimport 'node:timers/promises';";
    expect(rulesBroken(inOne(text))).toEqual(
      expect.arrayContaining([`entropy ${one}:2`, `clock ${one}:3`]),
    );
  });

  it('lets tools use the real clock, but not the simulation', () => {
    expect(rulesBroken({ 'tools/watch.ts': 'Date.now();\n' })).toEqual([]);
    expect(rulesBroken({ 'simulation/run.ts': 'Date.now();\n' })).toEqual([
      'clock simulation/run.ts:1',
    ]);
  });

  it('lets suites use the real clock, but not unit tests', () => {
    expect(rulesBroken({ 'packages/core/src/a.suite.ts': 'Date.now();\n' })).toEqual([]);
    const path = 'packages/core/src/a.test.ts';
    expect(rulesBroken({ [path]: 'Date.now();\n' })).toEqual([`clock ${path}:1`]);
  });

  it('refuses tests that do not run, or mock a module', () => {
    const path = 'packages/core/src/a.test.ts';
    for (const text of ['it.only()', 'it.skip()', 'describe.todo()', 'vi.mock()', 'it.skipIf()']) {
      expect(rulesBroken({ [path]: `${text};\n` })).toEqual([`tests ${path}:1`]);
    }
  });
});

describe('tidy on layers', () => {
  it('refuses an import against the direction of packages', () => {
    expect(rulesBroken(inOne("import '@mintmark/tokens';"))).toContain(`layers ${one}:2`);
  });

  it('refuses a declared dependency against the direction of packages', () => {
    const manifest = { ...core, dependencies: { '@mintmark/tokens': '0.1.0' } };
    const path = 'packages/core/package.json';
    expect(rulesBroken({ [path]: JSON.stringify(manifest) })).toContain(`layers ${path}:1`);
  });

  it('refuses a package that the table does not know', () => {
    const path = 'packages/new/package.json';
    expect(rulesBroken({ [path]: '{"name":"new"}' })).toEqual([`layers ${path}:1`]);
  });

  it('refuses an import that the manifest does not declare', () => {
    const path = 'packages/authority/src/store/store.ts';
    expect(rulesBroken({ [path]: "import '@mintmark/tokens';\nimport 'zod';\n" })).toEqual(
      expect.arrayContaining([`declared ${path}:1`, `declared ${path}:2`]),
    );
  });

  it('refuses a declared dependency that nothing imports', () => {
    const path = 'packages/authority/src/store/store.ts';
    const text = "import '@mintmark/core';\nthrow new StoreFault('disk_full', 'no');\n";
    const manifest = 'packages/authority/package.json';
    expect(rulesBroken({ [path]: text })).toEqual([`declared ${manifest}:1`]);
  });

  it('refuses to reach into another package by path', () => {
    const text = "import '../../tokens/src/two.ts';";
    expect(rulesBroken(inOne(text))).toContain(`layers ${one}:2`);
    const path = 'conformance/a.ts';
    const reach = "import '../packages/tokens/src/two.ts';\n";
    expect(rulesBroken({ [path]: reach })).toEqual([`layers ${path}:1`]);
  });

  it('keeps engines away from network and disk, and free of dependencies', () => {
    expect(rulesBroken(inOne("import 'node:http';"))).toContain(`engines ${one}:2`);
    const manifest = { ...core, dependencies: { pg: '1.0.0' } };
    const path = 'packages/core/package.json';
    expect(rulesBroken({ [path]: JSON.stringify(manifest) })).toContain(`engines ${path}:1`);
  });

  it('refuses an import of a folder above, and an unknown folder', () => {
    const path = 'packages/authority/src/store/store.ts';
    const above = 'packages/authority/src/audit/record.ts';
    expect(
      rulesBroken({ [path]: "import '../audit/record.ts';\n", [above]: 'export {};\n' }),
    ).toContain(`folders ${path}:1`);
    const unknown = 'packages/authority/src/cellar/wine.ts';
    expect(rulesBroken({ [unknown]: 'export {};\n' })).toContain(`folders ${unknown}:1`);
  });

  it('keeps the real clock to composition roots', () => {
    const path = 'packages/tokens/src/two.ts';
    const text = "import '@mintmark/core/system';\nexport const two = 1;\n";
    expect(rulesBroken({ [path]: text })).toContain(`system ${path}:1`);
  });
});

describe('tidy on form and reach', () => {
  it('refuses names that say nothing, and names out of kebab-case', () => {
    const paths = ['docs/misc/a.md', 'tools/helpers.ts', 'tools/CamelCase.ts'];
    for (const path of paths) expect(rulesBroken({ [path]: '' })).toEqual([`names ${path}:1`]);
  });

  it('warns above 300 lines, refuses above 600, and functions above 70', () => {
    const path = 'tools/long.ts';
    expect(rulesBroken({ [path]: '\n'.repeat(301) })).toEqual([`size ${path}:301`]);
    expect(rulesBroken({ [path]: '\n'.repeat(601) })).toEqual([`size ${path}:601`]);
    const long = `function f() {${'\n'.repeat(70)}}\nf();\n`;
    expect(rulesBroken({ [path]: long })).toEqual([`size ${path}:1`]);
  });

  it('allows one index a package, that lists exports by name', () => {
    const path = 'packages/core/src/index.ts';
    const star = "export * from './one.ts';\n";
    expect(rulesBroken({ [path]: star })).toContain(`index ${path}:1`);
    const inner = 'packages/core/src/wire/index.ts';
    expect(rulesBroken({ [inner]: 'export {};\n' })).toContain(`index ${inner}:1`);
  });

  it('finds cycles of values, and none of types', () => {
    const a = 'packages/core/src/a.ts';
    const loop = { [a]: "import './b.ts';\n", 'packages/core/src/b.ts': "import './a.ts';\n" };
    expect(rulesBroken(loop)).toEqual(['cycles packages/core/src/b.ts:1']);
    const typed = { ...loop, 'packages/core/src/b.ts': "import type { A } from './a.ts';\n" };
    expect(rulesBroken(typed)).toEqual([]);
  });

  it('finds files and exports that nobody imports', () => {
    const path = 'packages/core/src/lonely.ts';
    expect(rulesBroken({ [path]: 'export {};\n' })).toEqual([`dead ${path}:1`]);
    expect(rulesBroken(inOne('export const unused = 2;'))).toEqual([`dead ${one}:2`]);
  });

  it('counts the file of a worker as imported', () => {
    const worker = 'packages/core/src/worker.ts';
    const text = "new URL('./worker.ts', import.meta.url);";
    expect(rulesBroken({ ...inOne(text), [worker]: 'export {};\n' })).toEqual([]);
  });

  it('finds an import of a file that does not exist', () => {
    expect(rulesBroken(inOne("import './gone.ts';"))).toEqual([`imports ${one}:2`]);
  });
});

describe('tidy on texts and pages', () => {
  it('refuses hosts of registries and paths of one machine', () => {
    const path = 'docs/a.md';
    expect(rulesBroken({ [path]: `see https://${'registry'}.example/x` })).toEqual([
      `hosts ${path}:1`,
    ]);
    for (const folder of ['work', 'root', 'home']) {
      expect(rulesBroken({ [path]: `in /${folder}/me` })).toEqual([`paths ${path}:1`]);
    }
    expect(rulesBroken({ [path]: 'the network/work/done and ~/work/x' })).toEqual([]);
  });

  it('refuses a lockfile that names where packages came from', () => {
    const lock = { packages: { a: { resolved: 'https://example.org/a.tgz' } } };
    expect(rulesBroken({ 'package-lock.json': JSON.stringify(lock) })).toEqual([
      'hosts package-lock.json:1',
    ]);
  });

  it('wants every feature id spoken of', () => {
    const text = featureIds.filter((id) => id !== 'TK1').join(' ');
    expect(rulesBroken({ 'docs/features.md': text })).toEqual(['features docs/features.md:1']);
  });

  it('wants the tests that the features name', () => {
    const page = (name: string) => ({
      'docs/features.md': `${featureIds.join(' ')}\n| \`${name}\` |`,
    });
    expect(rulesBroken(page('packages/core/src/system.test.ts'))).toEqual([]);
    expect(rulesBroken(page('packages/core/src/*.test.ts'))).toEqual([]);
    for (const name of ['packages/core/src/gone.test.ts', 'packages/*/system.test.ts']) {
      expect(rulesBroken(page(name))).toEqual(['features docs/features.md:2']);
    }
  });

  it('wants a row for each run-time dependency, and no other', () => {
    const path = 'docs/dependencies.md';
    const page = '## At run time\n\n| `left-pad` | why |\n';
    expect(rulesBroken({ [path]: page })).toEqual([
      `dependencies ${path}:1`,
      `dependencies ${path}:1`,
    ]);
  });

  it('wants a row for each fault code, and no row that nothing throws', () => {
    const path = 'packages/authority/src/store/store.ts';
    const text = "throw new StoreFault(full ? 'disk_full' : 'disk_gone', 'no');\n";
    expect(rulesBroken({ [path]: text })).toContain(`errors ${path}:1`);
    const page = '## Faults\n\n| `disk_full` | free some |\n| `never_seen` | wait |\n';
    expect(rulesBroken({ 'docs/errors.md': page })).toEqual(['errors docs/errors.md:1']);
  });
});
