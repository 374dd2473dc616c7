import {describe, expect, test} from '@jest/globals';
import type {ReleaseEvent, ReleaseRecord} from '../../src/ledger/record.js';
import type {LedgerStore} from '../../src/ledger/store.js';
import {type Destination, planRollback} from '../../src/release/rollback-targets.js';
import {schemaObstacle} from '../../src/release/schema-obstacle.js';

/** Which releases bar the way back, by their ledger records. */

type Step = readonly [kind: ReleaseEvent['kind'], facts?: Record<string, string>];
const deployed: Step = ['deployed', {backend: 'b'}];
const good: readonly Step[] = [deployed, ['promoted', {frontend: 'f', backend: 'b'}], ['good']];
const verdict = (schema: string): Step => ['note', {schema, 'schema-at': `${schema}.sql:1`}];
const anchor = (component: 'frontend' | 'backend') => ({
  component,
  platform: component === 'frontend' ? ('vercel' as const) : ('railway' as const),
  deploymentId: `old-${component}`,
  hosts: [],
  createdAtMs: 0,
  readAtMs: 0,
  restorable: {by: 'rollback' as const},
});

function record(release: string, steps: readonly Step[]): ReleaseRecord {
  return {
    id: `id-${release}`,
    release,
    commit: 'c'.repeat(40),
    createdAtMs: 0,
    anchors: {frontend: anchor('frontend'), backend: anchor('backend')},
    events: steps.map(([kind, facts = {}]) => ({atMs: 0, kind, facts})),
  };
}

/** @param newestFirst as the ledger lists them. */
function ledger(newestFirst: readonly ReleaseRecord[]): LedgerStore {
  async function* list() {
    yield* newestFirst;
  }
  return {list, read: async (id: string) => newestFirst.find((one) => one.id === id)!} as unknown as LedgerStore;
}

const both = ['frontend', 'backend'] as const;
const obstacle = async (
  to: Destination,
  newestFirst: readonly ReleaseRecord[],
  more: {release?: string; components?: readonly ('frontend' | 'backend')[]} = {},
) =>
  schemaObstacle(
    await planRollback(ledger(newestFirst), {to, components: both, recordId: newestFirst[0]!.id, ...more}),
  );

describe('what bars the way back', () => {
  const goal = record('a', [verdict('compatible'), ...good]);
  const renames = record('b', [verdict('breaking'), ['backed-up', {set: 'set-b'}], ...good]);
  const harmless = record('c', [verdict('compatible'), ['backed-up', {set: 'set-c'}], ...good]);

  test.each<[rule: string, expected: object | undefined, found: () => ReturnType<typeof obstacle>]>([
    ['a compatible release bars nothing', undefined, () => obstacle('anchor', [harmless, goal])],
    ['a breaking one does', {verdict: 'breaking', set: 'set-b'}, () => obstacle('anchor', [renames, goal])],
    [
      'before its backend began to deploy, the schema is still the old one',
      undefined,
      () => obstacle('anchor', [record('d', [verdict('breaking'), ['staged', {frontend: 'f'}]]), goal]),
    ],
    [
      'from the announcement of the deploy on it may be the new one',
      {verdict: 'unknown'},
      () => obstacle('anchor', [record('d', [verdict('unknown'), ['intent', {do: 'deploy', on: 'backend'}]]), goal]),
    ],
    [
      'a frontend alone may always go back',
      undefined,
      () => obstacle('anchor', [renames, goal], {components: ['frontend']}),
    ],
    ['going back over a compatible one', undefined, () => obstacle('release', [harmless, renames], {release: 'b'})],
    [
      'a breaking release in between bars the way although the newest is compatible',
      {verdict: 'breaking', release: 'b', set: 'set-b'},
      () => obstacle('release', [harmless, renames, goal], {release: 'a'}),
    ],
    [
      'of several the oldest is named: only its set holds the schema that old code knows',
      {release: 'b', set: 'set-b'},
      () => obstacle('release', [record('e', [verdict('unknown'), ...good]), renames, goal], {release: 'a'}),
    ],
    [
      'one that was rolled back over an override left its migrations behind',
      {verdict: 'unknown', release: 'e'},
      () =>
        obstacle('release', [harmless, record('e', [verdict('unknown'), deployed, ['rolled-back']]), goal], {
          release: 'a',
        }),
    ],
    [
      'a verdict that a trial made worse counts',
      {verdict: 'breaking'},
      () => obstacle('anchor', [record('f', [verdict('compatible'), verdict('breaking'), ...good])]),
    ],
  ])('%s', async (_rule, expected, found) => {
    const seen = await found();
    if (expected) expect(seen).toMatchObject(expected);
    else expect(seen).toBeUndefined();
  });
});
