import {readdirSync, readFileSync} from 'node:fs';
import {dirname, join, relative, resolve} from 'node:path';
import {describe, expect, test} from '@jest/globals';

const root = resolve(import.meta.dirname, '..', '..');

/**
 * Which folder may import which, as data. `npm` names packages that only this folder may import; a folder that is not
 * in the table fails the test, so that a new one is placed on purpose.
 */
const table: Record<string, {readonly src: readonly string[]; readonly actionsToolkit?: true}> = {
  'src/kernel': {src: []},
  'src/runner': {src: ['kernel'], actionsToolkit: true},
  'src/config': {src: ['kernel']},
  'src/report': {src: ['kernel', 'gate', 'ledger']},
  'src/gate': {src: ['kernel']},
  'src/ledger': {src: ['kernel']},
  'src/platforms': {src: ['kernel']},
  'src/storage': {src: ['kernel']},
  'src/postgres': {src: ['kernel']},
  'src/crypto': {src: ['kernel']},
  'src/backup': {src: ['kernel', 'storage', 'postgres', 'crypto', 'report']},
  'src/release': {
    src: [
      'kernel',
      'runner',
      'config',
      'report',
      'gate',
      'ledger',
      'platforms',
      'storage',
      'postgres',
      'crypto',
      'backup',
      'schema',
      'alerts',
      'monitor',
      'status',
    ],
  },
  'src/schema': {src: ['kernel']},
  'src/alerts': {src: ['kernel']},
  'src/monitor': {src: ['kernel', 'gate']},
  'src/status': {src: ['kernel', 'monitor']},
  'src/rehearsal': {src: ['kernel']},
  'src/cli': {
    src: [
      'kernel',
      'runner',
      'config',
      'report',
      'gate',
      'ledger',
      'platforms',
      'storage',
      'postgres',
      'crypto',
      'backup',
      'release',
      'schema',
      'alerts',
      'monitor',
      'status',
    ],
  },
  actions: {
    src: [
      'kernel',
      'runner',
      'config',
      'report',
      'gate',
      'ledger',
      'platforms',
      'storage',
      'postgres',
      'crypto',
      'backup',
      'release',
      'schema',
      'alerts',
      'monitor',
      'status',
    ],
  },
};

interface Edge {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** All imports of a file: static, dynamic, re-exports, and types. */
function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return [
    ...code.matchAll(
      /(?:^|[\s;}])(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|[\s;}])import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm,
    ),
  ].map((match) => match[1] ?? match[2] ?? match[3]!);
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.includes('/dist'))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** `src/gate/probes/http.ts` belongs to `src/gate`, `actions/deploy/run.ts` to `actions/deploy`. */
function areaOf(file: string): string {
  return relative(root, file).split('/').slice(0, 2).join('/');
}

function judge(edges: readonly Edge[], toolkitUsers: ReadonlyArray<{file: string; from: string}>): string[] {
  const wrong: string[] = [];
  for (const {file, from, to} of edges) {
    if (from === to) continue;
    const rule = table[from.startsWith('actions/') ? 'actions' : from];
    if (!rule) wrong.push(`${from} is not in the table (${file})`);
    else if (!to.startsWith('src/') || !rule.src.includes(to.slice(4)))
      wrong.push(`${file} imports from ${to}, which ${from} may not`);
  }
  for (const {file, from} of toolkitUsers)
    if (!table[from]?.actionsToolkit) wrong.push(`${file} imports GitHub's toolkit, which only src/runner may`);
  return wrong;
}

function edgesOf(files: readonly string[]): {edges: Edge[]; toolkitUsers: Array<{file: string; from: string}>} {
  const edges: Edge[] = [];
  const toolkitUsers: Array<{file: string; from: string}> = [];
  for (const path of files) {
    const [file, from] = [relative(root, path), areaOf(path)];
    for (const specifier of importsOf(readFileSync(path, 'utf8'))) {
      // The engine reads workflow files with GitHub's own parser packages; they are no toolkit of a running action.
      if (/^@octokit\/|^@actions\/(core|github|exec|io|http-client|artifact|cache)/.test(specifier))
        toolkitUsers.push({file, from});
      if (specifier.startsWith('.')) edges.push({file, from, to: areaOf(resolve(dirname(path), specifier))});
    }
  }
  return {edges, toolkitUsers};
}

const files = [...sources('src'), ...sources('actions')];

describe('who may import whom', () => {
  test('every import follows the table', () => {
    const {edges, toolkitUsers} = edgesOf(files);
    expect(edges.length).toBeGreaterThan(300);
    expect(judge(edges, toolkitUsers)).toEqual([]);
  });

  test.each<[planted: string, edge: Edge]>([
    [
      'an action that imports another action',
      {file: 'actions/deploy/run.ts', from: 'actions/deploy', to: 'actions/promote'},
    ],
    ['an adapter that imports another adapter', {file: 'src/crypto/x.ts', from: 'src/crypto', to: 'src/storage'}],
    [
      'a stand-in that imports the adapter it stands in for',
      {file: 'src/rehearsal/vercel/x.ts', from: 'src/rehearsal', to: 'src/platforms'},
    ],
    ['a folder nobody placed', {file: 'src/misc/x.ts', from: 'src/misc', to: 'src/kernel'}],
  ])('finds %s', (_planted, edge) => expect(judge([edge], [])).toHaveLength(1));

  test('finds the toolkit outside the runner', () =>
    expect(judge([], [{file: 'src/gate/x.ts', from: 'src/gate'}])).toHaveLength(1));

  test('no import leads in a circle', () => expect(cyclesIn(files)).toEqual([]));

  test('finds a planted circle', () =>
    expect(
      cycles(
        new Map([
          ['a', ['b']],
          ['b', ['c']],
          ['c', ['a']],
        ]),
      ),
    ).toHaveLength(1));
});

/** Circles of imports that exist at run time; types alone are erased. */
function cyclesIn(paths: readonly string[]): string[][] {
  const graph = new Map<string, string[]>();
  for (const path of paths) {
    const code = readFileSync(path, 'utf8')
      .replace(/import\s+type\s[^;]+;/g, '')
      .replace(/export\s+type\s[^;]+from[^;]+;/g, '');
    const targets = [...code.matchAll(/^(?:import|export)\s[^'"`;]*?from\s*['"](\.[^'"]+)['"]/gm)]
      .filter((match) => !/^import\s*\{\s*(type\s+\w+(\s+as\s+\w+)?\s*,?\s*)+\}/.test(match[0]))
      .map((match) => relative(root, resolve(dirname(path), match[1]!)).replace(/\.js$/, '.ts'));
    graph.set(relative(root, path), targets);
  }
  return cycles(graph);
}

function cycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const state = new Map<string, 'open' | 'done'>();
  const walk = (node: string, path: string[]) => {
    if (state.get(node) === 'done') return;
    if (state.get(node) === 'open') {
      found.push([...path.slice(path.indexOf(node)), node]);
      return;
    }
    state.set(node, 'open');
    for (const next of graph.get(node) ?? []) walk(next, [...path, node]);
    state.set(node, 'done');
  };
  for (const node of graph.keys()) walk(node, []);
  return found;
}
