import {expect, test} from '@jest/globals';
import fc from 'fast-check';
import {parseUses} from '../../src/rehearsal/engine/action-source.js';
import {parseCommand} from '../../src/rehearsal/engine/command.js';
import {createConcurrencyGroups} from '../../src/rehearsal/engine/concurrency.js';
import {parsePairs} from '../../src/rehearsal/engine/file-command.js';
import {globPattern, passes} from '../../src/rehearsal/engine/glob.js';
import {createMasker} from '../../src/rehearsal/engine/masker.js';
import {expandMatrix, legName} from '../../src/rehearsal/engine/matrix.js';
import {createSlots} from '../../src/rehearsal/engine/slots.js';

// The pure parts of the workflow engine.

const secretText = fc
  .string({minLength: 6, maxLength: 40, unit: 'grapheme-ascii'})
  .filter((text) => text.trim().length > 5 && !/[*]/.test(text));

test('masking: a secret in any surroundings, plain, in JSON, in a URI or in base64, never comes through', () => {
  fc.assert(
    fc.property(secretText, fc.string(), fc.string(), (secret, before, after) => {
      const masker = createMasker();
      masker.add(secret);
      const bare = secret.trim();
      expect(masker.mask(before + secret + after)).not.toContain(bare);
      expect(masker.mask(JSON.stringify({v: before + secret + after}))).not.toContain(
        JSON.stringify(bare).slice(1, -1),
      );
      expect(masker.mask(encodeURIComponent(before + secret + after))).not.toContain(encodeURIComponent(bare));
      // All but the characters that the neighbours share.
      const inside = Buffer.from(before + bare + after).toString('base64');
      const decoded = Buffer.from(masker.mask(inside).replaceAll('***', ''), 'base64').toString('latin1');
      expect(decoded).not.toContain(Buffer.from(bare).toString('latin1'));
    }),
  );
});

test('masking: every line of a multi-line secret, overlapping secrets as one, other text untouched', () => {
  const masker = createMasker();
  for (const secret of ['first line\n  second line  \n', 'abcdef', 'defghi', '   ', '']) masker.add(secret);
  expect(masker.mask('a first line, a second line; abcdefghi and abc')).toBe('a ***, a ***; *** and abc');
  expect(masker.finds('nothing here')).toBe(false);
  expect(masker.mask(' ')).toBe(' ');
});

test('file commands: what the toolkit writes comes back, whatever the value', () => {
  const name = fc.stringMatching(/^[A-Za-z_][\w-]{0,12}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.string())), (pairs) => {
      const written = pairs.map(([key, value]) => `${key}<<ghadelimiter_x9\n${value}\nghadelimiter_x9\n`).join('');
      expect([...parsePairs(written)]).toEqual(pairs);
    }),
  );
});

test.each([
  ['a=b=c', [['a', 'b=c']]],
  ['a=', [['a', '']]],
  ['a<<E\nE', [['a', '']]],
  [
    'a<<E\nx\nE\nb=1',
    [
      ['a', 'x'],
      ['b', '1'],
    ],
  ],
  ['a=x<<y', [['a', 'x<<y']]],
  ['\n\na=1\n\n', [['a', '1']]],
])('file commands: %j is read', (content, pairs) => expect([...parsePairs(content)]).toEqual(pairs));

test.each(['nothing', '=value', '<<E\nE', 'a<<', 'a<<E\nx\n E'])('file commands: %j is refused', (content) => {
  expect(() => [...parsePairs(content)]).toThrow(expect.objectContaining({code: 'FILE_COMMAND'}));
});

test.each([
  ['::error file=a.js,line=3::text', {name: 'error', properties: {file: 'a.js', line: '3'}, data: 'text'}],
  ['  ::WARNING::x', {name: 'warning', properties: {}, data: 'x'}],
  ['##[notice]x', {name: 'notice', properties: {}, data: 'x'}],
  ['::notice title=a%3A%2Cb::1%0A2%2525', {name: 'notice', properties: {title: 'a:,b'}, data: '1\n2%25'}],
  ['text ::error::x', undefined],
  ['::unknown::x', undefined],
  ['::error', undefined],
])('stdout commands: %j', (line, command) => expect(parseCommand(line)).toEqual(command));

test('stdout commands: any line is read without a crash, and text without a mark is never a command', () => {
  fc.assert(
    fc.property(fc.string(), (line) => {
      const command = parseCommand(line);
      if (!/^\s*::|##\[/.test(line)) expect(command).toBeUndefined();
      else expect(command === undefined || command.name.length > 0).toBe(true);
    }),
  );
});

test.each([
  ['$/actions/x', {kind: 'own', path: 'actions/x'}],
  ['./x', {kind: 'workspace', path: 'x'}],
  ['o/r@v1', {kind: 'repository', repository: 'o/r', path: '', ref: 'v1'}],
  ['o/r/a/b@0123abc', {kind: 'repository', repository: 'o/r', path: 'a/b', ref: '0123abc'}],
  ['docker://x', {kind: 'unknown'}],
  ['o/r', {kind: 'unknown'}],
])('uses: %s', (uses, reference) => expect(parseUses(uses)).toEqual(reference));

test('matrix: an include extends the legs it fits, and is a leg of its own when it fits none', () => {
  const legs = expandMatrix({
    fruit: ['apple', 'pear'],
    animal: ['cat', 'dog'],
    include: [
      {color: 'green'},
      {color: 'pink', animal: 'cat'},
      {fruit: 'apple', shape: 'circle'},
      {fruit: 'banana'},
      {fruit: 'banana', animal: 'cat'},
    ],
  });
  expect(legs).toEqual([
    {fruit: 'apple', animal: 'cat', color: 'pink', shape: 'circle'},
    {fruit: 'apple', animal: 'dog', color: 'green', shape: 'circle'},
    {fruit: 'pear', animal: 'cat', color: 'pink'},
    {fruit: 'pear', animal: 'dog', color: 'green'},
    {fruit: 'banana'},
    {fruit: 'banana', animal: 'cat'},
  ]);
  expect(legName('test', legs[4]!)).toBe('test (banana)');
  expect(expandMatrix({include: [{a: 1}, {a: 2}]})).toEqual([{a: 1}, {a: 2}]);
});

test.each([
  ['**/*.ts', 'a/b/c.ts', true],
  ['**/*.ts', 'c.ts', true],
  ['*.ts', 'a/c.ts', false],
  ['a/**', 'a/b/c', true],
  ['release/v?', 'release/v1', true],
  ['[ab].txt', 'c.txt', false],
  ['a.b', 'axb', false],
])('glob %s on %s is %s', (glob, name, matches) => expect(globPattern(glob).test(name)).toBe(matches));

test('glob lists: a later ! takes names out again', () => {
  expect(['v1', 'v1-beta', 'v1-beta-ok'].map((name) => passes(name, ['v*', '!*-beta*', 'v1-beta-ok']))).toEqual([
    true,
    false,
    true,
  ]);
});

test('concurrency: at most one holder and one waiting entry, however entries come and go', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(fc.constant('enter' as const), fc.nat(6)), {maxLength: 30}), async (script) => {
      const groups = createConcurrencyGroups();
      const entries: {state: string; leave(): void}[] = [];
      for (const action of script) {
        if (action === 'enter') {
          const {turn, leave} = groups.enter('G', {cancelInProgress: false, queueAll: false, onCancel: () => {}});
          const entry = {state: 'waiting', leave};
          void turn.then((end) => {
            if (entry.state !== 'gone') entry.state = end;
          });
          entries.push(entry);
        } else if (entries[action]) {
          entries[action].state = 'gone';
          entries[action].leave();
        }
        await Promise.resolve();
        await Promise.resolve();
        const count = (state: string) => entries.filter((entry) => entry.state === state).length;
        expect(count('entered')).toBeLessThanOrEqual(1);
        expect(count('waiting')).toBeLessThanOrEqual(count('entered'));
      }
    }),
  );
});

test('concurrency: queue max keeps one hundred waiting and drops the next', async () => {
  const groups = createConcurrencyGroups();
  const enter = () => groups.enter('g', {cancelInProgress: false, queueAll: true, onCancel: () => {}});
  const first = enter();
  const waiting = Array.from({length: 100}, enter);
  expect(await enter().turn).toBe('superseded');
  first.leave();
  expect(await waiting[0]!.turn).toBe('entered');
});

test('slots: never more than allowed, in order, and a place given up while waiting is skipped', async () => {
  const slots = createSlots(1);
  const [a, b, c] = [slots.take(), slots.take(), slots.take()];
  await a.turn;
  b.release();
  a.release();
  a.release();
  await expect(c.turn).resolves.toBeUndefined();
});
