import {execFile} from 'node:child_process';
import {existsSync} from 'node:fs';
import {cp, mkdir, mkdtemp, readdir, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join, resolve} from 'node:path';
import {pathToFileURL} from 'node:url';
import {promisify} from 'node:util';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {stringify} from 'yaml';
import * as action from '../../actions/schema-verdict/run.js';
import {spec} from '../../actions/schema-verdict/spec.js';
import {openFileStore} from '../../src/ledger/file-store.js';
import {ledgerFile} from '../../src/release/ledger-file.js';
import {schemaObstacle} from '../../src/release/schema-obstacle.js';
import {parseInputs} from '../../src/runner/inputs.js';
import type {Report} from '../../src/runner/run-action.js';
import {openWorkplace, type Workplace} from './backup-actions.js';
import {type BackupWorld, startBackupWorld} from './backup-world.js';

/** Migrations and old code on a real copy in a real throwaway server. */

let world: BackupWorld;
let place: Workplace;
let liveUrl: string;
let base: string;
let scratch: string;

const driver = pathToFileURL(resolve(import.meta.dirname, '..', '..', 'node_modules/pg/lib/index.js')).href;
/** Old code: a nightly report that copies all orders as it knows them. */
const smoke = `import pg from '${driver}';
const client = new pg.Client({connectionString: process.env.DATABASE_URL});
await client.connect();
try {
  await client.query('CREATE TEMPORARY TABLE report (id bigint, customer int, total numeric, note jsonb)');
  await client.query('INSERT INTO report SELECT * FROM orders');
} finally { await client.end(); }
console.log('secret is ' + process.env.RAILWAY_TOKEN + ' and ' + process.env.NAMED);
if (process.env.NAMED !== 'yes') throw new Error('the named variable is missing');
`;
const migrations = {
  '001_first.sql': 'SELECT 1;\n',
  '002_second.sql': 'SELECT 2;\n',
};
const trial = {smoke: [process.execPath, 'smoke.mjs'], env: ['NAMED']};

const git = async (...args: string[]) =>
  (
    await promisify(execFile)('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-C', place.root, ...args])
  ).stdout.trim();

async function commit(files: Readonly<Record<string, string>>): Promise<string> {
  if (base) await git('checkout', '--quiet', '--force', '--detach', base);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(place.root, path)), {recursive: true});
    await writeFile(join(place.root, path), text);
  }
  await git('add', '--all');
  await git('commit', '--quiet', '--allow-empty', '-m', 'a commit');
  return git('rev-parse', 'HEAD');
}

const migration = (sql: string) => commit({'db/migrations/003_third.sql': sql});

async function configure(database: object = {trial}): Promise<void> {
  const config = {
    version: 1,
    product: 'shop',
    database,
    ledger: {store: 'file', file: 'ledger.jsonl'},
    backup: {storage: {type: 'local', folder: 'store', prefix: 'backups'}, recipients: ['keys/backup.asc']},
  };
  await place.write('.github/switchback.yml', stringify(config));
}

async function run(
  to: string,
  more: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<Report<typeof spec>> {
  place.logs.length = place.annotations.length = 0;
  const given: Record<string, string> = {
    from: base,
    commit: to,
    trial: 'on',
    'private-key': world.keys.privateKey,
    ...more,
  };
  for (const name of Object.keys(given)) if (!(name in spec.inputs)) throw new Error(`no input ${name}`);
  const env = {RUNNER_TEMP: scratch, RAILWAY_TOKEN: 'hush-hush', NAMED: 'yes'};
  return action.run(parseInputs(spec, (name) => given[name] || undefined).inputs, place.runner(signal, env));
}

const effectsOf = (report: Report<typeof spec>) =>
  JSON.parse(String(report.outputs.effects)) as Array<{
    statement: string;
    line: number;
    ms: number;
    locks: Array<{table: string; mode: string; blocks: string; heldMs: number; bytes: number}>;
    rewrites: Array<{name: string; bytes: number}>;
  }>;

beforeAll(async () => {
  world = await startBackupWorld();
  scratch = await mkdtemp(join(tmpdir(), 'switchback-scratch-'));
  place = await openWorkplace({version: 1, product: 'shop'});
  await configure();
  await place.write('keys/backup.asc', world.keys.publicKey);
  liveUrl = await world.database('shop');
  base = '';
  await git('init', '--quiet');
  await place.write('.gitignore', 'store\nledger.jsonl\n');
  base = await commit({
    'smoke.mjs': smoke,
    ...Object.fromEntries(Object.entries(migrations).map(([name, sql]) => [`db/migrations/${name}`, sql])),
  });
  await place.backup({'database-url': liveUrl});
}, 120_000);
afterAll(async () => {
  await place?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
  if (scratch) await rm(scratch, {recursive: true, force: true});
});

describe('what the migrations do is measured', () => {
  test('times, locks and rewrites of each statement; a passing trial leaves the verdict as it is', async () => {
    const to = await migration(`ALTER TABLE customers ADD COLUMN nick text;
SELECT pg_sleep(0.3);
ALTER TABLE orders ALTER COLUMN note TYPE json;
CREATE INDEX ON customers (joined);
`);
    const report = await run(to);
    const judged = await run(to, {trial: 'off'});
    expect(report.outputs).toMatchObject({trial: 'passed', verdict: judged.outputs.verdict, migrations: 1});
    const [add, sleep, type, index] = effectsOf(report);
    expect(add).toMatchObject({rewrites: [], locks: [{table: 'public.customers', mode: 'AccessExclusiveLock'}]});
    expect(sleep).toMatchObject({locks: [], rewrites: []});
    expect(sleep!.ms).toBeGreaterThan(290);
    // Taken by the first statement and held to the end of the file, the pause included.
    expect(add!.locks[0]!.heldMs).toBeGreaterThan(290);
    expect(type!.rewrites).toEqual([{name: 'public.orders', bytes: expect.any(Number)}]);
    expect(type!.rewrites[0]!.bytes).toBeGreaterThan(100_000);
    // The first statement holds a stronger lock on it already.
    expect(index!.locks).toEqual([]);
    expect(type!.locks).toEqual([
      expect.objectContaining({table: 'public.orders', mode: 'AccessExclusiveLock', blocks: 'everything'}),
    ]);
    expect(report.summary).toMatch(/Trial on a copy: passed[\s\S]*AccessExclusiveLock on public.customers/);
  }, 120_000);

  test('what refuses a transaction runs alone, and a concurrent index blocks nobody', async () => {
    const to = await migration('CREATE INDEX CONCURRENTLY ON orders (total);\nCREATE INDEX ON customers (joined);\n');
    const effects = effectsOf(await run(to));
    expect(effects.map(({line}) => line)).toEqual([1, 2]);
    expect(effects[0]!.locks).toEqual([]);
    expect(effects[1]!.locks).toMatchObject([{table: 'public.customers', mode: 'ShareLock', blocks: 'writes'}]);
    const value = await migration(
      "ALTER TYPE mood ADD VALUE 'fair';\nCREATE TABLE moods (m mood);\nINSERT INTO moods VALUES ('fair');\n",
    );
    expect((await run(value)).outputs.trial).toBe('passed');
  }, 120_000);

  test("a file's own transactions are kept, and roles that only production has are made for the trial", async () => {
    const to = await migration(
      'BEGIN;\nLOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE;\nCOMMIT;\nGRANT SELECT ON orders TO reporting;\n',
    );
    const report = await run(to);
    expect(report.outputs.trial).toBe('passed');
    expect(effectsOf(report)).toMatchObject([
      {line: 2, locks: [{mode: 'ShareRowExclusiveLock', blocks: 'writes'}]},
      {line: 4, locks: []},
    ]);
    expect(report.summary).toContain('reporting');
  }, 120_000);

  test("the user's own program is watched from outside", async () => {
    const apply = `import pg from '${driver}';
const client = new pg.Client({connectionString: process.env.COPY});
await client.connect();
await client.query("BEGIN; ALTER TABLE orders ALTER COLUMN note TYPE json; SELECT pg_sleep(0.5); COMMIT");
await client.end();`;
    const to = await commit({'db/migrations/003_third.sql': 'SELECT 3;\n', 'apply.mjs': apply});
    await configure({trial: {apply: [[process.execPath, 'apply.mjs']], 'url-env': 'COPY'}});
    try {
      const report = await run(to);
      expect(report.outputs.trial).toBe('passed');
      const [seen] = effectsOf(report);
      expect(seen!.rewrites.map(({name}) => name)).toContain('public.orders');
      expect(seen!.locks).toContainEqual(
        expect.objectContaining({table: 'public.orders', mode: 'AccessExclusiveLock'}),
      );
      expect(seen!.locks.find(({table}) => table === 'public.orders')!.heldMs).toBeGreaterThan(300);
    } finally {
      await configure();
    }
  }, 120_000);
});

describe('what a trial makes of a verdict', () => {
  test('old code that fails only with the migrations makes a compatible one breaking, in the ledger too', async () => {
    const to = await migration('ALTER TABLE orders ADD COLUMN shipped date;\n');
    const store = openFileStore(ledgerFile(join(place.root, 'ledger.jsonl')), Date.now, () => {});
    const anchor = {
      component: 'backend' as const,
      platform: 'railway' as const,
      deploymentId: 'old',
      commit: base,
      hosts: [],
      createdAtMs: 0,
      readAtMs: 0,
      restorable: {by: 'rollback' as const},
    };
    const record = await store.open({release: 'r-1', commit: to, anchors: {backend: anchor}});
    await store.append(record.id, 'note', {schema: 'compatible'});
    const report = await run(to, {from: '', 'ledger-id': record.id});
    expect(report.outputs).toMatchObject({trial: 'breaking', verdict: 'breaking', migrations: 1});
    expect(report.outputs.sentence).toMatch(
      /passes without the migrations and fails with them: .*exit code 1: error: INSERT has more/,
    );
    expect(report.failure).toBeUndefined();
    expect((await run(to, {'fail-on': 'breaking'})).failure).toMatchObject({code: 'SCHEMA'});
    await store.append(record.id, 'deployed', {backend: 'new'});
    const crossed = [await store.read(record.id)];
    const targets = [{component: 'backend' as const, anchor, abandoned: []}];
    expect(schemaObstacle({crossed, targets, leaving: crossed[0], description: ''})).toMatchObject({
      verdict: 'breaking',
      sentence: expect.stringMatching(/On a copy of the set \S+ old code passed its smoke command without/),
    });
  }, 180_000);

  test('a migration that the data refuses fails the release, with the statement and what PostgreSQL said', async () => {
    const report = await run(await migration('SELECT 1;\n\nALTER TABLE orders ADD CHECK (total < 4000) ;\n'));
    expect(report.outputs).toMatchObject({trial: 'refused', 'trial-sentence': expect.stringContaining('violated')});
    expect(report.failure).toMatchObject({
      code: 'TRIAL_REFUSED',
      message: expect.stringContaining('db/migrations/003_third.sql:3'),
    });
  }, 120_000);

  test('a smoke command that fails without the migrations too proves nothing', async () => {
    const to = await migration('ALTER TABLE orders ADD COLUMN shipped date;\n');
    await configure({trial: {smoke: [process.execPath, '-e', 'console.error("no such page"); process.exit(3)']}});
    try {
      const report = await run(to);
      expect(report.outputs).toMatchObject({trial: 'inconclusive', verdict: 'compatible'});
      expect(report.outputs['trial-sentence']).toMatch(/proves nothing: .*exit code 3: no such page/);
    } finally {
      await configure();
    }
  }, 120_000);

  test('a smoke command sees the copy and what it may, and nothing secret; nothing is left behind', async () => {
    const to = await migration('ALTER TABLE customers ADD COLUMN nick text;\n');
    await configure({
      trial: {
        ...trial,
        smoke: [
          process.execPath,
          '--input-type=module',
          '-e',
          `${smoke}; throw new Error(JSON.stringify(process.env))`,
        ],
      },
    });
    try {
      const report = await run(to);
      expect(report.outputs.trial).toBe('inconclusive');
      expect(report.outputs['trial-sentence']).toContain('DATABASE_URL');
      const said = JSON.stringify([report, place.logs, place.annotations]);
      expect(said).not.toMatch(/hush-hush|RAILWAY_TOKEN":"/);
      expect(said).not.toMatch(/postgres:[0-9a-f]{32}@/);
    } finally {
      await configure();
    }
    expect(await readdir(scratch)).toEqual([]);
    expect(place.state.get('throwaway')).toMatch(/switchback-drill-/);
    expect(existsSync(place.state.get('throwaway')!)).toBe(false);
  }, 120_000);
});

describe('what is copied', () => {
  test('the live database itself, without a private key and without a trace in it', async () => {
    const to = await migration('ALTER TABLE orders ADD COLUMN shipped date;\n');
    const before = await world.sql(liveUrl, 'SELECT count(*) FROM pg_attribute');
    const report = await run(to, {trial: 'database', 'private-key': '', 'database-url': liveUrl});
    expect(report.outputs).toMatchObject({trial: 'breaking'});
    expect(await world.sql(liveUrl, 'SELECT count(*) FROM pg_attribute')).toEqual(before);
    expect(report.summary).toContain('the live database, now');
  }, 120_000);

  test('with roles that policies of it name, which a server of its own does not have', async () => {
    await world.sql(liveUrl, 'CREATE ROLE clerk; CREATE POLICY clerks ON orders TO clerk USING (true)');
    try {
      const to = await migration('ALTER TABLE orders ADD COLUMN packed date;\n');
      const report = await run(to, {trial: 'database', 'private-key': '', 'database-url': liveUrl});
      expect(report.outputs.trial).not.toBe('');
      expect(report.summary).toContain('without rights of their own: clerk');
    } finally {
      await world.sql(liveUrl, 'DROP POLICY clerks ON orders; DROP ROLE clerk');
    }
  }, 120_000);

  test('never on the live server, whatever is copied', async () => {
    const to = await migration('ALTER TABLE orders ADD COLUMN shipped date;\n');
    for (const trial of ['set', 'database'])
      await expect(run(to, {trial, 'database-url': liveUrl, 'target-url': liveUrl})).rejects.toMatchObject({
        code: expect.stringMatching(/^(TRIAL|DRILL)_LIVE$/),
      });
    const databases = await world.sql(liveUrl, "SELECT datname FROM pg_database WHERE datname ~ 'trial'");
    expect(databases).toEqual([]);
  }, 120_000);

  test('a copy older than the live release is brought up first, and what a failed release left is not run again', async () => {
    const live = await commit({'db/migrations/003_third.sql': 'ALTER TABLE orders ADD COLUMN weight int;\n'});
    const [first, was] = [live, base];
    base = first;
    try {
      const to = await commit({'db/migrations/004_fourth.sql': 'ALTER TABLE orders DROP COLUMN weight;\n'});
      await configure({trial: {}});
      const older = await run(to);
      expect(older.outputs).toMatchObject({trial: 'passed'});
      expect(older.summary).toMatch(/brought up first: .*003\\_third/);
      const ahead = await world.database('ahead');
      await world.sql(
        ahead,
        "ALTER TABLE orders ADD COLUMN weight int; INSERT INTO schema_migrations VALUES ('003_third'), ('004_fourth'); ALTER TABLE orders DROP COLUMN weight",
      );
      const newer = await run(to, {trial: 'database', 'database-url': ahead});
      expect(newer.outputs).toMatchObject({trial: 'passed'});
      expect(newer.summary).toMatch(/holds already, .*004\\_fourth/);
    } finally {
      base = was;
      await configure();
    }
  }, 180_000);
});

describe('what cannot be tried', () => {
  test('wrong input is refused before anything is started, all of it at once', async () => {
    const to = await commit({'db/migrations/003_third.sql': '\\connect other\n'});
    place.state.clear();
    const wrong = {'private-key': '', 'target-url': 'mysql://x', 'database-url': 'nonsense'};
    await expect(run(to, wrong)).rejects.toMatchObject({
      code: 'TRIAL_INPUT',
      message: expect.stringMatching(
        /4 problems; nothing was changed[\s\S]*database-url[\s\S]*target-url[\s\S]*private-key[\s\S]*003_third\.sql/,
      ),
    });
    await expect(run(to, {...wrong, trial: 'database'})).rejects.toMatchObject({code: 'TRIAL_INPUT'});
    await configure({trial: {apply: ['true']}});
    await expect(run(base === to ? to : base, {from: to})).rejects.toMatchObject({
      code: 'TRIAL_INPUT',
      message: expect.stringContaining('Check the commit of the release out'),
    });
    await configure();
    expect(place.state.get('throwaway')).toBeUndefined();
  }, 60_000);

  test('a trial that takes too long, or a copy that lacks an extension, speaks for nothing; it may be only a warning', async () => {
    const slow = await migration('SELECT pg_sleep(60);\n');
    await configure({trial: {timeout: '4s'}});
    await expect(run(slow)).rejects.toMatchObject({code: 'TRIAL_TIMEOUT'});
    await configure();
    const foreign = await migration('CREATE EXTENSION no_such_extension;\n');
    await expect(run(foreign)).rejects.toMatchObject({code: 'TRIAL_COPY'});
    const warned = await run(foreign, {'on-trial-error': 'warn'});
    expect(warned.outputs).toMatchObject({trial: 'error'});
    expect(warned.failure).toBeUndefined();
    expect(place.annotations).toContainEqual(expect.objectContaining({title: 'Schema trial', level: 'warning'}));
  }, 180_000);

  test('a cancelled trial ends its server, and so does the post step of a killed one', async () => {
    const to = await migration('SELECT pg_sleep(60);\n');
    const abort = new AbortController();
    const running = run(to, {}, abort.signal);
    const begun = async () => {
      while (!place.logs.some((line) => line.includes('applying the migrations')))
        await new Promise((done) => setTimeout(done, 20));
    };
    await Promise.race([begun(), running]);
    const handle = place.state.get('throwaway')!;
    expect(existsSync(handle)).toBe(true);
    abort.abort();
    await expect(running).rejects.toBeDefined();
    expect(existsSync(handle)).toBe(false);
    const left = join(scratch, 'left');
    await cp(place.root, left, {recursive: true});
    place.state.set('folder', left);
    await action.cleanUp(parseInputs(spec, () => undefined).inputs, place.runner());
    expect(existsSync(left)).toBe(false);
  }, 120_000);
});
