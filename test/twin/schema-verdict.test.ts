import {execFile} from 'node:child_process';
import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {promisify} from 'node:util';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import pg from 'pg';
import {parseConnection} from '../../src/postgres/connection.js';
import {startPostgres} from '../../src/rehearsal/postgres/server.js';
import {deciding, schemaFinding} from '../../src/release/schema-finding.js';
import {schemaVerdict} from '../../src/release/schema-verdict.js';
import {lockNote, schemaSummary} from '../../src/report/schema-summary.js';

/** A real git repository, and a real PostgreSQL where sizes matter. */
let folder: string;
let root: string;
let base: string;
const env = {PATH: process.env['PATH'], HOME: process.env['HOME']};

const git = async (...args: string[]) =>
  (
    await promisify(execFile)('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-C', root, ...args])
  ).stdout.trim();

async function commit(files: Readonly<Record<string, string | undefined>>, parent = base): Promise<string> {
  if (parent) await git('checkout', '--quiet', '--force', '--detach', parent);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), {recursive: true});
    if (text === undefined) await rm(join(root, path));
    else await writeFile(join(root, path), text);
  }
  await git('add', '--all');
  await git('commit', '--quiet', '--allow-empty', '-m', 'a commit');
  return git('rev-parse', 'HEAD');
}

const ask = (to: string, more: object = {}) => schemaVerdict({root, from: base, to, env, ...more});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchback-schema-'));
  root = join(folder, 'product');
  await mkdir(root);
  await git('init', '--quiet');
  base = '';
  base = await commit({
    'db/migrations/001_items.sql': 'CREATE TABLE items (id bigserial PRIMARY KEY, name text);\n',
    'README.md': 'a product',
  });
});
afterAll(() => rm(folder, {recursive: true, force: true}));

describe('between two commits', () => {
  test('the verdict names the file and the line that decide it', async () => {
    const to = await commit({
      'db/migrations/002_price.sql': 'ALTER TABLE items ADD COLUMN price int;\n',
      'db/migrations/003_name.sql': '-- why\n\nALTER TABLE items RENAME COLUMN name TO title;\n',
    });
    const verdict = await ask(to);
    expect(verdict).toMatchObject({verdict: 'breaking', migrations: 2, layout: 'sql'});
    expect(deciding(verdict)).toMatchObject({file: 'db/migrations/003_name.sql', line: 3});
    expect(schemaFinding(verdict, true)).toMatchObject({
      state: 'warning',
      remedy: expect.stringContaining('maintenance mode'),
    });
    expect(schemaSummary(verdict, {from: base, to})).toContain('003_name.sql:3');
  });

  test('without a new migration it is unchanged, with a harmless one compatible', async () => {
    expect(await ask(await commit({'README.md': 'other words'}))).toMatchObject({verdict: 'unchanged', migrations: 0});
    expect(await ask(base)).toMatchObject({verdict: 'unchanged'});
    const to = await commit({'db/migrations/002_price.sql': 'ALTER TABLE items ADD COLUMN price int;\n'});
    const verdict = await ask(to);
    expect(verdict).toMatchObject({verdict: 'compatible', unasked: 'no database address was given'});
    expect(schemaFinding(verdict, true).state).toBe('ok');
  });

  test('a released migration that was edited or removed makes it unknown; a comment does not', async () => {
    const file = 'db/migrations/001_items.sql';
    expect(await ask(await commit({[file]: 'CREATE TABLE items (id int);\n'}))).toMatchObject({verdict: 'unknown'});
    expect(await ask(await commit({[file]: undefined}))).toMatchObject({verdict: 'unknown'});
    const commented = '-- the first\nCREATE TABLE items (id bigserial PRIMARY KEY, name text);\n';
    expect(await ask(await commit({[file]: commented}))).toMatchObject({verdict: 'unchanged'});
  });

  test('a shallow clone, an unknown commit and a folder without migrations are unknown, with the remedy', async () => {
    const to = await commit({'README.md': 'more'});
    await git('branch', '--force', 'newest', to);
    const shallow = join(folder, 'shallow');
    await promisify(execFile)('git', ['clone', '--quiet', '--depth=1', '--branch=newest', `file://${root}`, shallow]);
    const verdict = await ask(to, {root: shallow});
    expect(verdict).toMatchObject({verdict: 'unknown', sentence: expect.stringContaining('fetch-depth: 0')});
    expect(await ask(to, {from: undefined})).toMatchObject({verdict: 'unknown'});
    expect(await ask(to, {folder: 'nowhere'})).toMatchObject({
      verdict: 'unknown',
      sentence: expect.stringContaining('database.migrations'),
    });
    expect(await ask('0'.repeat(40))).toMatchObject({verdict: 'unknown'});
  });

  test('a command prints the SQL: its words are filled in, its failure is unknown, and it gets no secret', async () => {
    const to = await commit({'README.md': 'again'});
    const print = (script: string) => ({
      command: [process.execPath, '-e', script, '{from}', '{to}'],
      env: {...env, RAILWAY_TOKEN: 'hush'},
    });
    const shown = await ask(
      to,
      print(
        "console.log(`-- ${process.argv.slice(1)} ${process.env.RAILWAY_TOKEN}\\nDROP TABLE items; COMMENT ON TABLE a IS '${process.argv[1]} ${process.env.RAILWAY_TOKEN}'`)",
      ),
    );
    expect(shown).toMatchObject({verdict: 'breaking', layout: 'command'});
    expect(shown.statements[1]!.statement).toContain(`${base} undefined`);
    expect(await ask(to, print(''))).toMatchObject({verdict: 'unchanged'});
    const failed = await ask(to, print('console.error("no such revision"); process.exit(3)'));
    expect(failed).toMatchObject({verdict: 'unknown', sentence: expect.stringContaining('no such revision')});
  });

  test('a thousand migrations come from a few git processes', async () => {
    const many = Object.fromEntries(
      Array.from({length: 1_000}, (_, at) => [`db/migrations/${at + 100}_t.sql`, `CREATE TABLE t${at} (id int);\n`]),
    );
    expect(await ask(await commit(many))).toMatchObject({verdict: 'compatible', migrations: 1_000});
  });
});

test('the live database tells what is new and how big a locked table is', async () => {
  await using server = await startPostgres();
  const url = await server.createDatabase('live');
  const client = new pg.Client({connectionString: url});
  await client.connect();
  await client.query(
    `CREATE TABLE items (id bigserial PRIMARY KEY, name text); INSERT INTO items (name) SELECT repeat('x', 1000) FROM generate_series(1, 2000);
     CREATE FUNCTION here() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
  );
  await client.end();
  const connection = parseConnection(url);
  const fresh = await commit({
    'db/migrations/002_new.sql': `CREATE TABLE IF NOT EXISTS notes (id int); ALTER TABLE notes ADD COLUMN n int NOT NULL;
CREATE OR REPLACE FUNCTION there() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE INDEX items_name ON items (name);`,
  });
  const verdict = await ask(fresh, {connection});
  expect(verdict).toMatchObject({verdict: 'compatible'});
  const bytes = verdict.statements[3]!.lock!.bytes!;
  expect(bytes).toBeGreaterThan(2_000_000);
  expect(lockNote(verdict.statements[3]!.lock)).toBe('');
  expect(lockNote({...verdict.statements[3]!.lock!, bytes: bytes * 1_000})).toMatch(/public\.items holds \d\.\d GiB/);
  const replaced = await commit({
    'db/migrations/002_new.sql': "CREATE OR REPLACE FUNCTION here() RETURNS int LANGUAGE sql AS 'SELECT 2'",
  });
  expect(await ask(replaced, {connection})).toMatchObject({verdict: 'unknown'});
  expect(await ask(fresh)).toMatchObject({verdict: 'breaking'});
  const away = {...connection, port: 1};
  expect(await ask(fresh, {connection: away})).toMatchObject({unasked: expect.stringContaining('cannot be reached')});
});
