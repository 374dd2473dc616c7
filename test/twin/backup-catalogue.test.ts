import {type ChildProcess, execFile, spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {chmod, chown, mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {promisify} from 'node:util';
import {afterAll, afterEach, beforeAll, describe, expect, test} from '@jest/globals';
import {restoreDatabase} from '../../src/backup/restore-database.js';
import {writeSet} from '../../src/backup/write-set.js';
import {encryptTo} from '../../src/crypto/envelope.js';
import {decryptWith} from '../../src/crypto/private-key.js';
import {startThrowaway} from '../../src/postgres/throwaway-server.js';
import {startGitHub} from '../../src/rehearsal/github/stand-in.js';
import {serverAccount} from '../../src/rehearsal/postgres/account.js';
import {all} from '../contract/storage-conformance.js';
import {openWorkplace, type Workplace} from './backup-actions.js';
import {type BackupWorld, startBackupWorld} from './backup-world.js';

const run = promisify(execFile);

/** Rows of the failure catalogue that need a server, an alarm or an action of their own. */
describe('the failure catalogue', () => {
  let world: BackupWorld;
  let url: string;
  const signal = new AbortController().signal;
  const open: Array<() => Promise<void>> = [];

  beforeAll(async () => {
    world = await startBackupWorld();
    url = await world.database('shop');
  }, 120_000);
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close();
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  const restore = (made: {readonly manifest: Parameters<typeof restoreDatabase>[0]['manifest']}, database: string) =>
    restoreDatabase({
      store: world.store,
      manifest: made.manifest,
      keys: [world.unlocked],
      server: world.admin,
      database,
      owners: 'drop',
      env: process.env,
      signal,
    });
  const databases = async () =>
    (await world.sql(world.server.url, 'SELECT datname FROM pg_database')).map(({datname}) => datname);

  async function dumpProgram(script: string): Promise<string> {
    const folder = await mkdtemp(join(world.folder, 'bin-'));
    const program = join(folder, 'pg_dump');
    await writeFile(
      program,
      `#!/bin/sh\nREAL=${join(world.server.binDir, 'pg_dump')}\n[ "$1" = --version ] && { echo "pg_dump (PostgreSQL) ${world.server.major}.99"; exit 0; }\n${script}\n`,
    );
    await chmod(program, 0o755);
    return folder;
  }

  async function workplace(backup: Record<string, unknown> = {}): Promise<Workplace> {
    const place = await openWorkplace({
      version: 1,
      product: 'shop',
      database: {},
      backup: {storage: {type: 'local', folder: 'sets', prefix: ''}, recipients: ['keys/backup.asc'], ...backup},
    });
    open.push(async () => place[Symbol.asyncDispose]());
    await place.write('keys/backup.asc', world.keys.publicKey);
    return place;
  }

  test('row 4: warnings of pg_dump are no failure; they are kept and shown', async () => {
    const folder = await dumpProgram(
      'echo "pg_dump: warning: there are circular foreign-key constraints on this table:" >&2; exec "$REAL" "$@"',
    );
    const place = await workplace();
    const report = await place.backup(
      {'database-url': url, include: 'database'},
      place.runner(undefined, {SWITCHBACK_PG_BIN: folder}),
    );
    expect(report.failure).toBeUndefined();
    expect(report.summary).toContain('circular foreign-key');
    expect(place.annotations).toContainEqual(
      expect.objectContaining({level: 'warning', message: expect.stringContaining('circular foreign-key')}),
    );
  });

  test('row 9: a plain dump from elsewhere is refused by name, and nothing of it is left', async () => {
    const made = await world.backUp(url, {allowShrink: true});
    const plain = `--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nSET statement_timeout = 0;\nCREATE TABLE t (a int);\n`;
    async function* stream() {
      yield Buffer.from(plain);
    }
    const part = made.manifest.parts.find(({role}) => role === 'database')!;
    const foreign = await writeSet(
      world.requestFor(url, {
        database: undefined,
        allowShrink: true,
        parts: [
          {
            role: 'database',
            name: 'x',
            key: part.key,
            format: part.format,
            compression: part.compression,
            stream: stream(),
          },
        ],
      }),
      {store: world.store, signal, env: process.env},
    );
    const manifest = {...foreign.manifest, database: made.manifest.database};
    await expect(restore({manifest}, 'foreign')).rejects.toMatchObject({
      code: 'ARCHIVE',
      remedy: expect.stringContaining('psql'),
    });
    expect(await databases()).not.toContain('foreign');
  });

  test('row 17: tables that change while they are dumped: each set is whole, or there is none', async () => {
    const changing = await world.database('changing', 'CREATE TABLE keep AS SELECT i FROM generate_series(1, 20000) i');
    let stop = false;
    let longestMs = 0;
    const loop = (async () => {
      for (let i = 0; !stop; i++) {
        const startedMs = Date.now();
        await world
          .sql(
            changing,
            `CREATE TABLE new_${i} AS SELECT ${i} AS n; ALTER TABLE keep ADD COLUMN c${i} int DEFAULT ${i}; ALTER TABLE keep DROP COLUMN c${i}; DROP TABLE new_${i}`,
          )
          .catch(() => {});
        longestMs = Math.max(longestMs, Date.now() - startedMs);
        await sleep(100);
      }
    })();
    open.push(async () => {
      stop = true;
      await loop;
    });
    const outcomes: string[] = [];
    for (let i = 0; i < 5; i++) {
      // The last one meets a quiet database.
      stop ||= i === 4;
      if (stop) await loop;
      const made = await world.backUp(changing, {allowShrink: true}).catch((error: {code: string}) => error);
      if ('manifest' in made) {
        const {comparison} = await restore(made, `changed_${i}`);
        expect(comparison.differences).toEqual([]);
        outcomes.push('whole');
      } else {
        expect(made.code).toMatch(/^DATABASE_/);
        outcomes.push('none');
      }
    }
    expect(outcomes).toHaveLength(5);
    expect(outcomes.at(-1)).toBe('whole');
    // A migration behind the counts, and the dump behind the migration, would hold everybody up for minutes.
    expect(longestMs).toBeLessThan(20_000);
    expect((await all(world.store.unfinished(''))).length).toBe(0);
  }, 120_000);

  test('row 25: three failed drills are one issue, and a good one closes it', async () => {
    const github = await startGitHub({
      owner: 'acme',
      repo: 'shop',
      tokens: [{token: 'ghs_token', permissions: {issues: 'write', deployments: 'write'}}],
    });
    open.push(() => github.close());
    const place = await workplace();
    const inputs = {'database-url': url, 'github-token': 'ghs_token'};
    const runner = () => place.runner(undefined, {GITHUB_API_URL: github.url});
    await place.backup({'database-url': url, include: 'database'}, place.runner());
    await expect(
      place.backup({...inputs, mode: 'freshness', 'max-drill-age': '8d', alarm: 'false'}, runner()),
    ).resolves.toMatchObject({failure: {code: 'BACKUP_UNPROVEN'}});
    for (let i = 0; i < 3; i++) {
      const report = await place.restore(
        {...inputs, mode: 'drill', 'private-key': world.keys.privateKey, 'sql-checks': 'SELECT false', record: 'false'},
        runner(),
      );
      expect(report.failure?.code).toBe('DRILL_CHECK');
    }
    expect(github.issues().map(({state, comments}) => [state, comments.length])).toEqual([['open', 2]]);
    const good = await place.restore({...inputs, mode: 'drill', 'private-key': world.keys.privateKey}, runner());
    expect(good.failure).toBeUndefined();
    expect(github.issues().map(({state}) => state)).toEqual(['closed']);
    const fresh = await place.backup({...inputs, mode: 'freshness', 'max-drill-age': '8d'}, runner());
    expect(fresh.failure).toBeUndefined();
    expect(fresh.outputs['drill-age-ms']).toBeLessThan(600_000);
  }, 180_000);

  test('row 26: a function that leans on search_path fails the restore, with its name and the way out', async () => {
    const leaning = await world.database(
      'leaning',
      `CREATE FUNCTION suffix() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'x'::text $$;
       CREATE FUNCTION shout(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN upper(t) || suffix(); END $$;
       CREATE TABLE words AS SELECT 'a'::text AS w; CREATE INDEX ON words (shout(w))`,
    );
    const made = await world.backUp(leaning, {allowShrink: true});
    await expect(restore(made, 'leant')).rejects.toMatchObject({
      code: 'DATABASE_SEARCH_PATH',
      message: expect.stringContaining('suffix()'),
      remedy: expect.stringContaining('SET search_path'),
    });
    expect(await databases()).not.toContain('leant');
  });

  test('row 51: a drill without the key is red, not skipped', async () => {
    const place = await workplace();
    await place.backup({'database-url': url, include: 'database'});
    await expect(place.restore({'database-url': url, mode: 'drill'})).rejects.toMatchObject({
      code: 'INPUT',
      message: expect.stringContaining('private-key'),
    });
    expect(place.annotations.map(({message}) => message).join('\n')).toContain('only one recipient');
  });

  test('row 47: retention that removes nothing says how many sets lie there, and how large they are', async () => {
    const place = await workplace();
    await place.backup({'database-url': url, include: 'database'});
    const report = await place.backup({'database-url': url, mode: 'retain', 'keep-releases': '0'});
    expect(report.outputs).toMatchObject({planned: 0, removed: 0});
    expect(report.summary).toMatch(/1 kept, 0 may go, 0 removed[\s\S]*1 sets hold \d+/);
  });

  test('row 54: memory does not grow with the size, to either side', async () => {
    const MiB = 1024 * 1024;
    const piece = randomBytes(MiB);
    async function* source() {
      for (let i = 0; i < 300; i++) yield piece;
    }
    const before = process.memoryUsage().rss;
    let bytes = 0;
    let most = 0;
    for await (const chunk of decryptWith([world.unlocked], encryptTo(world.recipients, source()))) {
      bytes += chunk.length;
      most = Math.max(most, process.memoryUsage().rss - before);
    }
    expect(bytes).toBe(300 * MiB);
    expect(most).toBeLessThan(200 * MiB);
  }, 120_000);

  test('row 57: a machine without room for a drill says so before anything is started', async () => {
    const handles: string[] = [];
    await expect(
      startThrowaway({
        major: world.server.major,
        databaseBytes: 2 ** 50,
        env: process.env,
        signal,
        onHandle: (handle) => handles.push(handle),
      }),
    ).rejects.toMatchObject({code: 'DRILL_SPACE', message: expect.stringContaining('three times')});
    expect(handles).toEqual([]);
  });

  test('row 58: the deadline ends a backup in order, and nothing is left', async () => {
    const folder = await dumpProgram('printf PGDMP; exec sleep 60');
    const place = await workplace();
    await expect(
      place.backup(
        {'database-url': url, include: 'database', deadline: '2s', retries: '0'},
        place.runner(undefined, {SWITCHBACK_PG_BIN: folder}),
      ),
    ).rejects.toMatchObject({code: 'DEADLINE'});
    const {openLocalStore} = await import('../../src/storage/local/local-store.js');
    const store = openLocalStore(join(place.root, 'sets'));
    expect([...(await all(store.list(''))), ...(await all(store.unfinished('')))]).toEqual([]);
  }, 30_000);

  test('row 64: a backup of a standby says so, and up to when it had replayed', async () => {
    const standby = await startStandby(world);
    open.push(() => standby.close());
    await world.sql(url, `INSERT INTO schema_migrations VALUES ('003_third')`);
    const target = new URL(url);
    target.port = String(standby.port);
    for (let i = 0; i < 100; i++) {
      const [row] = await world.sql(target.href, 'SELECT count(*)::int AS n FROM schema_migrations');
      if (row!['n'] === 3) break;
      await sleep(100);
    }
    const {manifest} = await world.backUp(target.href, {allowShrink: true});
    expect(manifest.database).toMatchObject({inRecovery: true, replayedAt: expect.stringMatching(/^20/)});
    expect(manifest.database!.content!.migration).toMatchObject({newest: '003_third'});
    expect(manifest.warnings.join('\n')).toMatch(/standby: it had replayed everything up to 20/);
  }, 120_000);
});

/** A hot standby of the world's server, by its own tools. */
async function startStandby({server}: BackupWorld): Promise<{readonly port: number; close(): Promise<void>}> {
  const account = await serverAccount();
  const home = await mkdtemp(join(tmpdir(), 'sb-standby-'));
  const data = join(home, 'data');
  await mkdir(data, {mode: 0o700});
  if (account) {
    await chown(home, account.uid, account.gid);
    await chown(data, account.uid, account.gid);
  }
  const options = {...account, cwd: home, env: {...process.env, PGPASSWORD: server.password}};
  await run(
    join(server.binDir, 'pg_basebackup'),
    ['-D', data, '-R', '-X', 'stream', '-c', 'fast', '-h', '127.0.0.1', '-p', String(server.port), '-U', 'postgres'],
    options,
  );
  const port = await freePort();
  const child: ChildProcess = spawn(
    join(server.binDir, 'postgres'),
    ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    {...options, stdio: 'ignore'},
  );
  for (let i = 0; i < 200; i++) {
    const ready = await run(join(server.binDir, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)]).catch(() => {});
    if (ready) break;
    await sleep(100);
  }
  return {
    port,
    close: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGQUIT');
      await gone;
      await rm(home, {recursive: true, force: true});
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as {port: number};
  server.close();
  return port;
}
