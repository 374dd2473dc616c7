import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import * as toolkit from '@actions/core';
import {afterAll, afterEach, describe, expect, jest, test} from '@jest/globals';
import * as fc from 'fast-check';
import * as own from '../../src/runner/commands.js';

/** What an action says to the runner is, character for character, what GitHub's own toolkit would say. */

const folder = mkdtempSync(join(tmpdir(), 'switchback-commands-'));
const file = join(folder, 'file');
afterAll(() => rmSync(folder, {recursive: true, force: true}));
afterEach(() => {
  delete process.env['GITHUB_OUTPUT'];
  delete process.env['GITHUB_STATE'];
  process.exitCode = 0;
});

function said(speak: () => unknown): string {
  const lines: string[] = [];
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    lines.push(String(text));
    return true;
  });
  try {
    speak();
  } finally {
    write.mockRestore();
  }
  return lines.join('');
}

/** The block with its random delimiter named, since each writer draws its own. */
function written(variable: string, speak: () => void): string {
  writeFileSync(file, '');
  process.env[variable] = file;
  speak();
  return readFileSync(file, 'utf8').replace(/ghadelimiter_[0-9a-f-]{36}/g, 'delimiter');
}

/** Texts that mean something in the grammar of commands, more often than chance would have it. */
const text = fc.oneof(
  fc.string({unit: 'binary'}),
  fc
    .array(
      fc.constantFrom('::', '%', '%25', '\n', '\r', ',', ':', '=', 'add-mask', '<<', 'ghadelimiter_', ' ', 'é', '🙂'),
    )
    .map((parts) => parts.join('')),
);
const place = fc.record({title: text, file: text, startLine: fc.nat()}, {requiredKeys: []});

describe('the toolkit would say the same', () => {
  test.each<[what: string, own: (value: string) => unknown, toolkit: (value: string) => unknown]>([
    ['a line', own.info, toolkit.info],
    ['a debug line', own.debug, toolkit.debug],
    ['a secret', own.setSecret, toolkit.setSecret],
    ['a failure', own.setFailed, toolkit.setFailed],
    ['an output without a file', (value) => own.setOutput('name', value), (value) => toolkit.setOutput('name', value)],
    ['a state without a file', (value) => own.saveState('name', value), (value) => toolkit.saveState('name', value)],
  ])('%s', (_what, ours, theirs) =>
    fc.assert(fc.property(text, (value) => expect(said(() => ours(value))).toBe(said(() => theirs(value))))),
  );

  test.each(['notice', 'warning', 'error'] as const)('an annotation: %s', (level) =>
    fc.assert(
      fc.property(text, place, (message, where) =>
        expect(said(() => own.annotate(level, message, where)).replace(/^(::\w+) ::/, '$1::')).toBe(
          said(() => toolkit[level](message, where)).replace(/^(::\w+) ::/, '$1::'),
        ),
      ),
    ),
  );

  test('an output and a state in the files that the runner names', () =>
    fc.assert(
      fc.property(text, (value) => {
        expect(written('GITHUB_OUTPUT', () => own.setOutput('a-name', value))).toBe(
          written('GITHUB_OUTPUT', () => toolkit.setOutput('a-name', value)),
        );
        expect(written('GITHUB_STATE', () => own.saveState('a-name', value))).toBe(
          written('GITHUB_STATE', () => toolkit.saveState('a-name', value)),
        );
      }),
    ));
});

test('a failure ends the process with 1, and not at once', () => {
  said(() => own.setFailed('no'));
  expect(process.exitCode).toBe(1);
});

test('a group is closed when its work fails', async () => {
  const write = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
  const failing = own.group('a title', () => Promise.reject(new Error('work')));
  await expect(failing).rejects.toThrow('work');
  const lines = write.mock.calls.map(([line]) => line);
  write.mockRestore();
  expect(lines).toEqual(['::group::a title\n', '::endgroup::\n']);
});

test('a file that the runner named and that is not there is an error, not a lost output', () => {
  process.env['GITHUB_OUTPUT'] = join(folder, 'absent');
  expect(() => own.setOutput('name', 'value')).toThrow('Missing file');
});
