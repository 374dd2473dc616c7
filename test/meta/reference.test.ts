import {readdirSync, readFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {describe, expect, test} from '@jest/globals';
import {commands} from '../../src/cli/commands.js';
import {exitCodes} from '../../src/cli/exit-codes.js';
import {buildCommand} from '../../src/cli/program.js';
import {renderCommands, renderCommandTable, renderExitCodes} from '../../src/cli/reference.js';
import {overview} from '../../src/cli/start.js';
import {configJsonSchema} from '../../src/config/schema.js';
import {renderInputs, renderOutputs} from '../../src/report/action-reference.js';
import {renderConfigReference} from '../../src/report/config-reference.js';
import type {ActionSpec} from '../../src/runner/spec.js';

/** What a user can give or get is described where it is declared, and the pages are made of that. */

const root = resolve(import.meta.dirname, '..', '..');
const page = (name: string) => readFileSync(join(root, 'action-docs', name), 'utf8');
const loadSpec = async (action: string) =>
  ((await import(`../../actions/${action}/spec.ts`)) as {spec: ActionSpec}).spec;
const withSpec = readdirSync(join(root, 'actions')).filter((name) =>
  readdirSync(join(root, 'actions', name)).includes('spec.ts'),
);

/** Rows of a table of the reference whose last cell says nothing. */
const silent = (table: string) => table.split('\n').filter((row) => /\|\s*\|$/.test(row.trim()));

describe('configuration', () => {
  const table = renderConfigReference(configJsonSchema());
  test('every key has a meaning', () => expect(silent(table)).toEqual([]));
  test('the keys of every kind of channel are among them', () =>
    expect(table).toContain('| `alerts.channels.NAME.server-env` |'));
  test('the page is made of it', () => expect(page('configuration.md')).toContain(table));
  test('a key without a meaning is found', () =>
    expect(silent(renderConfigReference({properties: {new: {type: 'string'}}}))).toHaveLength(1));
});

describe.each(withSpec)('action %s', (name) => {
  test('every input and output has a meaning, and its page is made of them', async () => {
    const spec = await loadSpec(name);
    const tables = [renderInputs(spec), renderOutputs(spec)];
    for (const table of tables) {
      expect(silent(table)).toEqual([]);
      expect(page(`${name}.md`)).toContain(table);
    }
  });
});

describe('terminal', () => {
  test('the pages are made of the declarations', async () => {
    expect(page('terminal.md')).toContain(renderCommandTable());
    expect(page('terminal.md')).toContain(renderExitCodes());
    expect(page('commands.md')).toContain(await renderCommands(loadSpec));
  });

  test('every exit code is in every help', () => {
    for (const code of Object.values(exitCodes)) expect(overview()).toMatch(new RegExp(`[ ,]${code} `));
  });

  test.each(commands.map((entry) => [entry.name, entry] as const))(
    '%s: examples that it takes, and a meaning for each flag',
    async (_name, entry) => {
      expect(entry.examples.length).toBeGreaterThan(0);
      const spec = entry.action ? await loadSpec(entry.action) : undefined;
      const command = buildCommand(entry, spec);
      for (const {description, long} of command.options) expect([long, description]).not.toEqual([long, '']);
      if (entry.name === 'rehearse') return;
      for (const example of entry.examples.filter((text) => text.startsWith('switchback '))) {
        const flags = [...example.matchAll(/ (--[a-z-]+)/g)].map((match) => match[1]!);
        const known = command.options.map(({long}) => long);
        expect({example, unknown: flags.filter((flag) => !known.includes(flag))}).toEqual({example, unknown: []});
      }
    },
  );
});
