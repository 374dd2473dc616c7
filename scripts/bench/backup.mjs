// npm run bench backup -- [--rows N] [--runs N] [--only a,b] [--memory]
// The product's backup against shell pipelines, both sides in one run and taken in turn, on a real PostgreSQL and a
// store that keeps objects in memory. Prints medians and ratios with the goals beside them; fails on no figure, for a
// shared machine is no judge. Needs gpg and aws in PATH for the other side.
import {fork, spawn} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import pg from 'pg';
import {chooseDumpClient, findClientTools} from '../../lib/src/postgres/client-tools.js';
import {makeKeys} from '../../lib/src/rehearsal/keys.js';
import {startPostgres} from '../../lib/src/rehearsal/postgres/server.js';

const here = dirname(fileURLToPath(import.meta.url));
const option = (name, fallback) =>
  process.argv.includes(`--${name}`) ? process.argv[process.argv.indexOf(`--${name}`) + 1] : fallback;
const thousands = Number(option('rows', '2000'));
const runs = Number(option('runs', '3'));
const only = option('only', '')?.split(',').filter(Boolean) ?? [];
const memory = process.argv.includes('--memory');
const folder = mkdtempSync(join(tmpdir(), 'switchback-bench-'));
const children = [];

try {
  await main();
} finally {
  for (const child of children) child.kill();
  rmSync(folder, {recursive: true, force: true});
}

async function main() {
  const keys = await makeKeys();
  const endpoint = await startSink();
  if (memory) return printMemory(keys, endpoint);
  await using server = await startPostgres({
    settings: {shared_buffers: '512MB', max_wal_size: '8GB', maintenance_work_mem: '256MB'},
  });
  const url = await server.createDatabase('bench');
  const bytes = await fill(url);
  const tools = chooseDumpClient(await findClientTools(process.env), server.major);
  console.log(
    `PostgreSQL ${server.major}, pg_dump ${tools.version}, database ${megabytes(bytes)} MB, median of ${runs}\n`,
  );
  const shell = await shellSide(keys, tools, url, endpoint);
  const ours = (more) => () => product({what: 'set', endpoint, url, recipients: keys.publicKey, ...more});
  const rows = {
    'shell: pg_dump -Fc | gpg -e | aws s3 cp': () => time(shell.classic),
    ...(tools.major >= 16 ? {'shell: pg_dump zstd:3 | gpg -e | aws s3 cp': () => time(shell.zstdInside)} : {}),
    'shell: pg_dump -Z0 | zstd -T2 -3 | gpg -e | aws s3 cp': () => time(shell.zstdOutside),
    'ours: compression in the archive': ours({compression: 'archive'}),
    'ours: compression around the archive': ours({compression: 'stream'}),
    'ours: as shipped (digests of all rows, all bytes read back)': ours({
      compression: 'archive',
      depth: 'digests',
      readBack: 'full',
    }),
  };
  const taken = await inTurn(rows);
  const best = printRows(taken, bytes);
  printRatios(best);
  await printRestore(server, tools, url, endpoint, keys, taken);
}

/** Rows one after another in each round, so that a disturbance hits all of them alike. */
async function inTurn(rows) {
  const taken = new Map();
  const names = Object.keys(rows).filter((name) => !only.length || only.some((part) => name.includes(part)));
  for (let round = 0; round < runs; round++)
    for (const name of names) taken.set(name, [...(taken.get(name) ?? []), await rows[name]()]);
  return taken;
}

function printRows(taken, bytes) {
  const best = new Map();
  for (const [name, results] of taken) {
    const wall = median(results.map((one) => one.wallMs));
    const cpu = median(results.map((one) => one.cpuMs));
    best.set(name, {wall, cpu});
    const rss = results[0].rssMB ? `, peak ${Math.max(...results.map((one) => one.rssMB)).toFixed(0)} MB` : '';
    console.log(
      `${name.padEnd(62)} ${seconds(wall)} s  (fastest ${seconds(Math.min(...results.map((one) => one.wallMs)))})  ${(bytes / 1e6 / (wall / 1e3)).toFixed(0)} MB/s  client CPU ${seconds(cpu)} s${rss}`,
    );
  }
  return best;
}

function printRatios(best) {
  const of = (part) => [...best].find(([name]) => name.includes(part))?.[1].wall;
  const classic = of('-Fc | gpg');
  const shellBest = Math.min(
    ...[...best].filter(([name]) => name.startsWith('shell') && name.includes('zstd')).map(([, one]) => one.wall),
  );
  const ratio = (what, value, goal) =>
    Number.isFinite(value) && console.log(`${what.padEnd(72)} ${value.toFixed(2)}  (goal ${goal})`);
  console.log('');
  ratio(
    'classic shell pipeline / ours in the archive',
    classic / of('ours: compression in'),
    '>= 1.5; >= 2.5 with a client of 16 or newer',
  );
  ratio('classic shell pipeline / ours around the archive', classic / of('ours: compression around'), '>= 1.5');
  ratio(
    'ours in the archive / best shell pipeline',
    of('ours: compression in') / shellBest,
    '<= 1.15 with a client of 16 or newer',
  );
  ratio('ours around the archive / best shell pipeline', of('ours: compression around') / shellBest, '<= 1.15');
  ratio(
    'ours as shipped / classic shell pipeline, which proves nothing',
    of('ours: as shipped') / classic,
    'for information',
  );
}

async function printRestore(server, tools, url, endpoint, keys, taken) {
  const set = [...taken].find(([name]) => name.includes('as shipped'))?.[1].at(-1);
  if (!set) return;
  const archive = join(folder, 'archive.dump');
  await time(`${tool(tools, 'pg_dump')} -Fc -Z1 -f '${archive}' '${url}'`);
  const plain = [];
  const verified = [];
  const readBack = [];
  for (let round = 0; round < runs; round++) {
    const target = await server.createDatabase(`plain_${round}`);
    plain.push(
      (await time(`${tool(tools, 'pg_restore')} --exit-on-error --no-owner -d '${target}' '${archive}'`)).wallMs,
    );
    await drop(server, `plain_${round}`);
    verified.push(
      (
        await product({
          what: 'restore',
          endpoint,
          url: server.url,
          recipients: keys.publicKey,
          key: keys.privateKey,
          id: set.id,
          database: `ours_${round}`,
        })
      ).wallMs,
    );
    await drop(server, `ours_${round}`);
    const read = await product({what: 'readBack', endpoint, recipients: keys.publicKey, id: set.id});
    readBack.push(read.stored / 1e6 / (read.wallMs / 1e3));
  }
  console.log(
    `\npg_restore of the same archive from a file ${seconds(median(plain))} s; restore of the set with counts and digests ${seconds(median(verified))} s: ${(median(verified) / median(plain)).toFixed(2)} (goal <= 1.4)`,
  );
  console.log(
    `read-back verification ${median(readBack).toFixed(0)} MB/s of stored bytes, start of the process included (goal >= 150)`,
  );
}

/** Memory against size: the same pipeline from a made-up source into a store that throws the bytes away. */
async function printMemory(keys, endpoint) {
  const figures = [];
  for (const gib of [1, 2, 4, 6]) {
    const {rssMB, wallMs} = await product({what: 'part', endpoint, recipients: keys.publicKey, bytes: gib * 1024 ** 3});
    figures.push(rssMB);
    console.log(
      `${gib} GiB through encryption, digests and upload: peak ${rssMB.toFixed(0)} MB, ${((gib * 1024 ** 3) / 1e6 / (wallMs / 1e3)).toFixed(0)} MB/s`,
    );
  }
  console.log(
    `growth from 1 to 6 GiB: ${((figures.at(-1) / figures[0] - 1) * 100).toFixed(1)} % (goal < 10 %), peak ${Math.max(...figures).toFixed(0)} MB (goal <= 256)`,
  );
}

async function shellSide(keys, tools, url, endpoint) {
  const home = join(folder, 'gnupg');
  const recipient = join(folder, 'recipient.asc');
  writeFileSync(recipient, keys.publicKey);
  await time(`mkdir -m 700 ${home} && gpg --homedir ${home} --batch --quiet --import ${recipient}`);
  const encrypt = `gpg --homedir ${home} --batch --quiet --trust-model always -z0 --encrypt --recipient rehearsal@switchback.invalid`;
  const upload = `AWS_ACCESS_KEY_ID=AKIABENCH AWS_SECRET_ACCESS_KEY=bench-secret-bench-secret AWS_DEFAULT_REGION=us-east-1 aws --endpoint-url ${endpoint} s3 cp --quiet - s3://bench/discard/shell.pgp`;
  const dump = `${tool(tools, 'pg_dump')} -d '${url}'`;
  return {
    classic: `${dump} -Fc | ${encrypt} | ${upload}`,
    zstdInside: `${dump} -Fc --compress=zstd:3 | ${encrypt} | ${upload}`,
    zstdOutside: `${dump} -Fc -Z0 | zstd -q -c -T2 -3 | ${encrypt} | ${upload}`,
  };
}

function tool(tools, name) {
  return join(tools.folder, name);
}

async function product(job) {
  const {stdout, ...times} = await time(`exec '${process.execPath}' '${join(here, '_backup-run.mjs')}' "$JOB"`, {
    JOB: JSON.stringify(job),
  });
  return {...times, ...JSON.parse(stdout), cpuMs: times.cpuMs, wallMs: times.wallMs};
}

/** Wall and CPU time of a pipeline with everything it started, as bash counts it. */
function time(script, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(
      'bash',
      [
        '-c',
        `set -o pipefail; TIMEFORMAT='%R %U %S'; time { ${script.startsWith('exec ') ? script.slice(5) : script}; }`,
      ],
      {env: {...process.env, ...env}, stdio: ['ignore', 'pipe', 'pipe']},
    );
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('close', (code) => {
      const figures = /([\d.]+) ([\d.]+) ([\d.]+)\s*$/.exec(stderr);
      if (code !== 0 || !figures) return reject(new Error(`${script.slice(0, 80)} ended with ${code}\n${stderr}`));
      resolve({stdout, wallMs: Number(figures[1]) * 1e3, cpuMs: (Number(figures[2]) + Number(figures[3])) * 1e3});
    });
  });
}

/** A database like a real one: narrow rows with keys, documents, JSON, and files that do not compress. */
async function fill(url) {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(`
    CREATE TABLE accounts (id int PRIMARY KEY, owner int, balance int, filler char(84));
    INSERT INTO accounts SELECT i, i % 1000, i * 7 % 10000, '' FROM generate_series(1, ${thousands * 1000}) i;
    CREATE TABLE documents (id int PRIMARY KEY, body text);
    INSERT INTO documents SELECT i, (SELECT string_agg(md5((i * 40 + j)::text) || ' the quick brown fox ', '') FROM generate_series(1, 20) j) FROM generate_series(1, ${thousands * 50}) i;
    CREATE TABLE events (id bigserial PRIMARY KEY, account int REFERENCES accounts, at timestamptz, payload jsonb);
    INSERT INTO events (account, at, payload) SELECT 1 + i % ${thousands * 1000}, now() - i * interval '1 s', jsonb_build_object('kind', 'click', 'n', i, 'path', '/items/' || i % 977, 'ref', md5(i::text)) FROM generate_series(1, ${thousands * 400}) i;
    CREATE INDEX ON events (at);
    CREATE TABLE files (id int PRIMARY KEY, content bytea);
    INSERT INTO files SELECT i, (SELECT string_agg(decode(md5((i * 9000 + j)::text), 'hex'), '') FROM generate_series(1, 4000) j) FROM generate_series(1, ${Math.round(thousands / 2)}) i;
  `);
  await client.query('VACUUM ANALYZE');
  const {rows} = await client.query('SELECT pg_database_size(current_database())::float8 AS bytes');
  await client.end();
  return rows[0].bytes;
}

async function drop(server, name) {
  const client = new pg.Client(server.url);
  await client.connect();
  await client.query(`DROP DATABASE ${name}`);
  await client.end();
}

function startSink() {
  const sink = fork(join(here, '_s3-sink.mjs'));
  children.push(sink);
  return new Promise((resolve) => sink.once('message', ({port}) => resolve(`http://127.0.0.1:${port}`)));
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

function seconds(ms) {
  return (ms / 1e3).toFixed(1);
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(0);
}
