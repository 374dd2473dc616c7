import {expect, test} from '@jest/globals';
import fc from 'fast-check';
import {deploymentsOf, factOf, lastKnownGood, newestShipped, stateOf} from '../../src/ledger/history.js';
import {interrupted, openIntents} from '../../src/ledger/journal.js';
import {
  type EventKind,
  eventKinds,
  eventLines,
  parseEvent,
  parsePayload,
  type ReleaseEvent,
  type ReleaseRecord,
} from '../../src/ledger/record.js';

type Told = readonly [kind: EventKind, facts?: Record<string, string>];
const commit = 'c'.repeat(40);

function record(release: string, ...told: Told[]): ReleaseRecord {
  const events = told.map(([kind, facts = {}], at): ReleaseEvent => ({atMs: at, kind, facts}));
  return {id: release, release, commit, createdAtMs: 0, anchors: {}, events};
}

const deployFront: Told = ['intent', {do: 'deploy', on: 'frontend'}];
const deployBack: Told = ['intent', {do: 'deploy', on: 'backend'}];
const promote: Told = ['intent', {do: 'promote', frontend: 'dpl_2'}];
const rollback: Told = ['intent', {do: 'rollback', 'to-frontend': 'dpl_1', 'to-backend': 'b1'}];

test.each<[rule: string, told: Told[], open: string[]]>([
  ['nothing announced, nothing open', [['opened']], []],
  ['an announced deployment without a result', [['opened'], deployFront], ['deploy frontend']],
  ['staged settles it', [deployFront, ['staged', {frontend: 'dpl_2'}]], []],
  ['the other side does not', [deployFront, deployBack, ['deployed', {backend: 'b2'}]], ['deploy frontend']],
  ['a deployment that failed is a result too', [deployBack, ['note', {backend: 'b2', outcome: 'failed'}]], []],
  ['a note about something else is not', [deployBack, ['note', {why: 'slow'}]], ['deploy backend']],
  ['what came before settles nothing', [['promoted', {frontend: 'dpl_2'}], promote], ['promote frontend']],
  ['promoted settles the promotion', [promote, ['promoted', {frontend: 'dpl_2', backend: 'b2'}]], []],
  [
    'a failed gate leaves the promotion open',
    [promote, ['gated', {verdict: 'fail'}], ['failed']],
    ['promote frontend'],
  ],
  [
    'an announced rollback is open until it is proved',
    [promote, ['promoted', {frontend: 'dpl_2'}], rollback],
    ['rollback'],
  ],
  ['rolled back settles everything before', [deployBack, promote, rollback, ['rolled-back', {frontend: 'dpl_1'}]], []],
  [
    'a rollback that read back both sides and changed nothing',
    [rollback, ['failed', {frontend: 'dpl_1', backend: 'b1'}]],
    [],
  ],
  ['one that could read back one side only', [rollback, ['failed', {frontend: 'dpl_1'}]], ['rollback']],
  ['a repeated announcement counts once', [promote, promote], ['promote frontend']],
])('open intents: %s', (_rule, told, open) => {
  expect(
    openIntents(record('r', ...told)).map(({does, component}) => [does, component].filter(Boolean).join(' ')),
  ).toEqual(open);
});

test('an interrupted release is found until a newer one has set both sides', () => {
  const killed = record('r-1', deployBack);
  expect(interrupted([record('r-2', ['opened']), killed])?.record.release).toBe('r-1');
  expect(interrupted([record('r-2', ['promoted'], ['good']), killed])).toBeUndefined();
  expect(interrupted([record('r-2', ['promoted'], ['failed']), killed])?.record.release).toBe('r-1');
  expect(interrupted([])).toBeUndefined();
});

test.each<[rule: string, told: Told[], state: string]>([
  ['just opened', [['opened'], ['backed-up']], 'open'],
  ['good counts until it is rolled back', [['promoted'], ['good'], ['rolled-back']], 'rolled-back'],
  ['notes and gates say nothing', [['promoted'], ['gated'], ['note'], ['intent']], 'promoted'],
])('state: %s', (_rule, told, state) => expect(stateOf(record('r', ...told))).toBe(state));

test('last known good passes over what was rolled back later, and never guesses', () => {
  const good = record('r-1', ['promoted'], ['good']);
  const undone = record('r-2', ['promoted'], ['good'], ['rolled-back']);
  const staged = record('r-3', ['staged']);
  expect(lastKnownGood([staged, undone, good])?.release).toBe('r-1');
  expect(lastKnownGood([staged, undone])).toBeUndefined();
  expect(newestShipped([staged, undone, good])?.release).toBe('r-2');
  expect(newestShipped([staged])).toBeUndefined();
});

test('the newest value of a fact counts, and every deployment a release made is known', () => {
  const release = record(
    'r',
    ['staged', {frontend: 'a'}],
    ['note', {frontend: 'b', outcome: 'failed'}],
    ['promoted', {frontend: 'c'}],
  );
  expect(factOf(release, 'frontend', ['staged', 'promoted'])).toBe('c');
  expect(factOf(release, 'backend')).toBeUndefined();
  expect(deploymentsOf(release, 'frontend')).toEqual(['a', 'b', 'c']);
});

const key = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/).filter((text) => text !== '__proto__');
const shortFacts = fc.dictionary(key, fc.string({maxLength: 10, unit: 'binary'}), {maxKeys: 12});

test('any facts come back from the lines they were written as', () => {
  fc.assert(
    fc.property(fc.constantFrom(...eventKinds), shortFacts, (kind, facts) => {
      const lines = eventLines(kind, facts);
      const read = lines.map((line) => parseEvent(line)!);
      expect(read.every((event) => event.kind === kind)).toBe(true);
      expect(Object.assign({}, ...read.map((event) => event.facts))).toEqual(facts);
    }),
  );
});

test('no line is ever longer than the store takes, whatever the facts are', () => {
  fc.assert(
    fc.property(fc.dictionary(key, fc.string({maxLength: 400, unit: 'binary'})), (facts) => {
      for (const line of eventLines('note', facts)) expect(line.length).toBeLessThanOrEqual(140);
    }),
  );
});

test.each<[rule: string, payload: unknown]>([
  ['an unknown version', {schema: 'switchback/2', release: 'r', commit}],
  ['a release id that is none', {schema: 'switchback/1', release: 'a b', commit}],
  ['a short commit', {schema: 'switchback/1', release: 'r', commit: 'c0ffee'}],
  ['an anchor without a deployment', {schema: 'switchback/1', release: 'r', commit, anchors: {frontend: {}}}],
  [
    'a deployment id that would be a path',
    {schema: 'switchback/1', release: 'r', commit, anchors: {backend: {deploymentId: '../x'}}},
  ],
])('a stored payload is refused for %s', (_rule, payload) => {
  expect(() => parsePayload(payload)).toThrow(expect.objectContaining({code: 'LEDGER_FORMAT'}));
});

test('a payload of somebody else is not ours', () => {
  for (const foreign of [undefined, null, '', 'text', [], {}, {schema: 'other/1'}, '{"a":1}'])
    expect(parsePayload(foreign)).toBeUndefined();
});
