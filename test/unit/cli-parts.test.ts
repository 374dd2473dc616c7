import {readdirSync, readFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {describe, expect, test} from '@jest/globals';
import {spec as backup} from '../../actions/backup/spec.js';
import {spec as deploy} from '../../actions/deploy/spec.js';
import {inTerminalWords} from '../../src/cli/action.js';
import {commands} from '../../src/cli/commands.js';
import {completionScript} from '../../src/cli/completion.js';
import {openConsole} from '../../src/cli/console.js';
import {repositoryOf, secretVariable} from '../../src/cli/environment.js';
import {exitCodeOf} from '../../src/cli/exit-code.js';
import {plainText} from '../../src/cli/plain-text.js';
import {buildCommand} from '../../src/cli/program.js';
import {overview} from '../../src/cli/start.js';
import {cancelled, Failure} from '../../src/kernel/errors.js';
import {parseInputs} from '../../src/runner/inputs.js';

const entry = (name: string) => commands.find((command) => command.name === name)!;

describe('flags', () => {
  test('no secret is ever a flag', () => {
    for (const spec of [backup, deploy]) {
      const flags = buildCommand(entry('deploy'), spec).options.map((option) => option.long);
      const secret = Object.entries(spec.inputs).filter(([, field]) => field.secret);
      expect(secret.length).toBeGreaterThan(0);
      for (const [name] of secret) expect(flags).not.toContain(`--${name}`);
    }
  });

  test('every other input is one', () => {
    const flags = buildCommand(entry('backup'), backup).options.map((option) => option.long);
    const plain = Object.entries(backup.inputs).filter(([, field]) => !field.secret);
    for (const [name] of plain) expect(flags).toContain(`--${name}`);
  });

  test('a refusal names flags and variables, not inputs', () => {
    const refused = refusalOf(() => parseInputs(deploy, (name) => (name === 'vercel-token' ? 'abc' : undefined)));
    const told = inTerminalWords(refused, deploy) as Failure;
    expect(told.message).toContain('flag --component: is missing');
    expect(told.message).toContain('environment variable VERCEL_TOKEN');
    expect(told.message).not.toContain('input `');
  });

  test('the secrets of the workflows are the variables of the terminal', () => {
    const folder = resolve(import.meta.dirname, '../../.github/workflows');
    const given = readdirSync(folder).flatMap((file) => [
      ...readFileSync(join(folder, file), 'utf8').matchAll(/^ +([a-z-]+): \$\{\{ secrets\.([A-Z_]+) \}\}$/gm),
    ]);
    const others = given
      .filter(([, input, secret]) => secretVariable(input!) !== secret)
      .map(([, input, secret]) => `${input}: ${secret}`);
    expect(given.length).toBeGreaterThan(50);
    // Removing old sets is the duty of another key, which the terminal is given under the same name.
    expect([...new Set(others)].filter((line) => !/: BACKUP_(ALSO_)?PRUNER_/.test(line))).toEqual([]);
  });
});

describe('commands', () => {
  test('each is in the overview, and each action exists', () => {
    const actions = readdirSync(resolve(import.meta.dirname, '..', '..', 'actions'));
    for (const {name, action} of commands) {
      expect(overview()).toMatch(new RegExp(`^  ${name} `, 'm'));
      if (action) expect(actions).toContain(action);
    }
  });

  test.each(['bash', 'zsh', 'fish'])('%s completes commands and flags', (shell) => {
    const script = completionScript(shell, [
      {name: 'deploy', about: "it's one", flags: ['--json'], words: ['frontend']},
    ]);
    for (const word of ['deploy', 'json', 'frontend']) expect(script).toContain(word);
  });

  test('another shell is refused', () =>
    expect(() => completionScript('csh', [])).toThrow('There is no completion for csh'));
});

describe('exit codes', () => {
  test.each<[what: string, error: unknown, interrupted: boolean, code: number]>([
    ['a refused input', new Failure('INPUT', 'x', {remedy: 'y'}), false, 2],
    ['a refused configuration', new Failure('CONFIG', 'x', {remedy: 'y'}), false, 2],
    ['a red verdict', new Failure('GATE_FAIL', 'x', {remedy: 'y'}), false, 1],
    ['a bug', new TypeError('x'), false, 1],
    ['an interruption', cancelled('it'), false, 130],
    ['whatever came of an interruption', new Failure('GATE_FAIL', 'x', {remedy: 'y'}), true, 130],
  ])('%s', (_what, error, interrupted, code) => expect(exitCodeOf(error, interrupted)).toBe(code));
});

describe('what is shown', () => {
  const shown = (env: Record<string, string>, isTTY: boolean) => {
    const [out, err]: [string[], string[]] = [[], []];
    const stream = (to: string[]) => ({isTTY, write: (text: string) => to.push(text)});
    return {out, err, console: openConsole({stdout: stream(out), stderr: stream(err), json: false, env})};
  };

  test('secrets are hidden, the longest first', () => {
    const {out, console} = shown({}, false);
    console.hide('hunter2');
    console.hide('postgres://u:hunter2@h/d');
    console.line('to postgres://u:hunter2@h/d with hunter2');
    expect(out.join('')).toBe('to *** with ***\n');
  });

  test.each([
    [{NO_COLOR: '1'}, true, false],
    [{}, true, true],
    [{}, false, false],
    [{FORCE_COLOR: '1'}, false, true],
    [{TERM: 'dumb'}, true, false],
  ])('colours with %j on a terminal %s: %s', (env, isTTY, colours) => {
    const {err, console} = shown(env as Record<string, string>, isTTY);
    console.alert('error', 'x');
    expect(err.join('').includes('\u001b[31m')).toBe(colours);
  });

  test.each([
    [true, /█░ Gate {2}0 s.*done/s],
    [false, /^done\n$/],
  ])('what goes on is one line at the bottom of a terminal (%s), and nothing in a pipe', async (isTTY, says) => {
    const {out, console} = shown({}, isTTY);
    await console.live('█░ Gate', async () => console.line('done'));
    expect(out.join('')).toMatch(says);
    // The line is taken away again: nothing of it stays on the screen.
    if (isTTY) expect(out.at(-1)).toBe('\r\u001b[2K');
  });

  test('with --json stdout holds the result alone', () => {
    const [out, err]: [string[], string[]] = [[], []];
    const console = openConsole({
      stdout: {write: (text) => out.push(text)},
      stderr: {write: (text) => err.push(text)},
      json: true,
      env: {},
    });
    console.line('progress');
    console.result('{}');
    expect([out, err]).toEqual([['{}\n'], ['progress\n']]);
  });

  test('a summary becomes text with aligned columns', () =>
    expect(
      plainText(
        '## Title\n\n| a | b |\n|---|---|\n| `long one` | x\\_y |\n| s | **z** |\n\n```mermaid\nxychart\n```\n',
      ),
    ).toBe('Title\n\na         b\n────────  ───\nlong one  x_y\ns         z'));

  test('what the log said already is left out of the summary that follows it', () =>
    expect(
      plainText(
        '## Fine\n\n<!-- also in the log -->\n<details><summary>All</summary>\n\n| a |\n|---|\n| b |\n\n</details>\n',
      ),
    ).toBe('Fine'));

  test.each([
    ['git@github.com:acme/shop.git', 'acme/shop'],
    ['https://github.com/acme/shop', 'acme/shop'],
    ['ssh://git@github.com/acme/my.shop.git', 'acme/my.shop'],
    ['https://gitlab.com/acme/shop.git', undefined],
  ])('%s is %s', (remote, repository) => expect(repositoryOf(remote)).toBe(repository));
});

function refusalOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('it was accepted');
}
