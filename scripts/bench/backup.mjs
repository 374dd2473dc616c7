// npm run bench -- backup [--scale S] [--runs N] [--only a,b] [--parts rows,restore,memory,cancel] [--sizes 1,6]: the product's backup
// against shell pipelines, both sides in one run and taken in turn, on a real PostgreSQL and a store in memory.
// Prints medians and ratios with the goals beside them; fails on no figure, for a shared machine is no judge. Needs gpg
// and aws in PATH for the other side. The server is the first one in PATH, so that another version can be measured.
import {execFileSync, fork} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {chooseDumpClient, findClientTools} from '../../lib/src/postgres/client-tools.js';
import {makeKeys} from '../../lib/src/rehearsal/keys.js';
import {startPostgres} from '../../lib/src/rehearsal/postgres/server.js';
import {selfSigned} from '../../lib/src/rehearsal/smtp/certificate.js';
import {fill, run} from './_backup-database.mjs';
import {time} from './_pipeline.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const option = (name, fallback) =>
  process.argv.includes(`--${name}`) ? process.argv[process.argv.indexOf(`--${name}`) + 1] : fallback;
const scale = Number(option('scale', '1'));
const runs = Number(option('runs', '3'));
const only = option('only', '').split(',').filter(Boolean);
const sizes = option('sizes', '1,2,4,6').split(',').map(Number);
const parts = option('parts', 'rows,restore,memory,cancel').split(',');
const folder = mkdtempSync(join(tmpdir(), 'switchback-bench-'));
const children = [];
const names = {
  classic: 'shell: pg_dump -Fc | gpg -e | aws s3 cp',
  inside: 'shell: pg_dump zstd:3 | gpg -e | aws s3 cp',
  outside: 'shell: pg_dump -Z0 | zstd -T2 -3 | gpg -e | aws s3 cp',
  archive: 'ours: compression in the archive',
  stream: 'ours: compression around the archive',
  streams: 'ours: in the archive, two streams of one snapshot',
  shipped: 'ours: as shipped (digests of all rows, all bytes read back)',
};

try {
  await main();
} finally {
  for (const child of children) child.kill();
  rmSync(folder, {recursive: true, force: true});
}

async function main() {
  const world = {keys: await makeKeys(), ...(await startSink()), bundle: bundleRunner()};
  if (parts.some((part) => part !== 'memory')) await withDatabase(world);
  if (parts.includes('memory')) await printMemory(world);
}

async function withDatabase(world) {
  await using server = await startPostgres({
    settings: {shared_buffers: '512MB', max_wal_size: '8GB', maintenance_work_mem: '256MB'},
  });
  const url = await server.createDatabase('bench');
  const bytes = await fill(url, scale);
  const tools = chooseDumpClient(await findClientTools(process.env), server.major);
  console.log(
    `PostgreSQL ${server.major}, pg_dump ${tools.version}, database ${megabytes(bytes)} MB, median of ${runs}\n`,
  );
  const shell = await shellSide(world, tools, url);
  const ours = (more) => () => product(world, {what: 'set', url, prefix: `sets${Math.random()}`, ...more});
  const shipped = {compression: 'archive', depth: 'digests', readBack: 'full', prefix: 'shipped'};
  const taken = await inTurn(world, {
    [names.classic]: () => time(shell.classic, world.env),
    ...(tools.major >= 16 ? {[names.inside]: () => time(shell.inside, world.env)} : {}),
    [names.outside]: () => time(shell.outside, world.env),
    [names.archive]: ours({compression: 'archive'}),
    [names.streams]: ours({compression: 'archive', jobs: 2}),
    // From 16 on the archive knows zstd itself and nothing is put around it.
    ...(tools.major < 16 ? {[names.stream]: ours({compression: 'stream'})} : {}),
    [names.shipped]: ours(shipped),
  });
  printRatios(printRows(taken, bytes), tools);
  const set = taken.get(names.shipped)?.at(-1);
  if (set && parts.includes('restore')) await printRestore(world, server, tools, url, set);
  if (parts.includes('cancel')) await printCancel(world, url, set?.workMs ?? 10_000);
}

/** Rows one after another in each round, so that a disturbance hits all of them alike. */
async function inTurn(world, rows) {
  const taken = new Map();
  if (!parts.includes('rows')) only.push('as shipped');
  const wanted = Object.keys(rows).filter((name) => !only.length || only.some((part) => name.includes(part)));
  for (let round = 0; round < runs; round++)
    for (const name of wanted) {
      if (name === names.shipped) await world.forget('shipped');
      const result = await rows[name]();
      taken.set(name, [...(taken.get(name) ?? []), result]);
      console.error(`round ${round + 1}: ${name}: ${seconds(result.wallMs)} s`);
      await world.forget('sets');
    }
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
      `${name.padEnd(60)} ${seconds(wall)} s (${results.map((one) => seconds(one.wallMs)).join(' ')})  ${(bytes / 1e6 / (wall / 1e3)).toFixed(0)} MB/s  client CPU ${seconds(cpu)} s${rss}`,
    );
  }
  return best;
}

function printRatios(best, tools) {
  const of = (name) => best.get(name)?.wall ?? Number.NaN;
  const cpuOf = (name) => best.get(name)?.cpu ?? Number.NaN;
  const zstd = tools.major >= 16;
  const ours = zstd ? names.archive : names.stream;
  const shell = zstd ? names.inside : names.outside;
  const fastest = (...rows) => Math.min(...rows.filter((name) => best.has(name)).map(of));
  console.log('');
  printRatio(
    'classic shell pipeline / ours in the archive',
    of(names.classic) / of(names.archive),
    zstd ? '>= 2.5' : '>= 1.5',
  );
  printRatio('classic shell pipeline / ours in two streams', of(names.classic) / of(names.streams), 'none');
  if (!zstd)
    printRatio('classic shell pipeline / ours around the archive', of(names.classic) / of(names.stream), '>= 1.5');
  printRatio('ours / shell pipeline with the same compression', of(ours) / of(shell), '<= 1.15');
  printRatio('client CPU, ours / shell pipeline with the same compression', cpuOf(ours) / cpuOf(shell), '<= 1.2');
  printRatio(
    'the fastest of ours / the fastest shell pipeline',
    fastest(names.archive, names.stream, names.streams) / fastest(names.inside, names.outside),
    '<= 1.15',
  );
  printRatio(
    'classic shell pipeline, which proves nothing / ours as shipped',
    of(names.classic) / of(names.shipped),
    'none',
  );
}

function printRatio(what, value, goal) {
  if (Number.isFinite(value)) console.log(`${what.padEnd(66)} ${value.toFixed(2)}  (goal ${goal})`);
}

async function printRestore(world, server, tools, url, set) {
  const archive = join(folder, 'archive.dump');
  const compression = tools.major >= 16 ? '--compress=zstd:3' : '-Z1';
  await time(`${tool(tools, 'pg_dump')} -Fc ${compression} -f '${archive}' '${url}'`);
  const rows = {plain: [], verified: [], stages: [], readBack: []};
  for (let round = 0; round < runs; round++) {
    const target = await server.createDatabase('plain');
    rows.plain.push(
      (await time(`${tool(tools, 'pg_restore')} --exit-on-error --no-owner -d '${target}' '${archive}'`)).wallMs,
    );
    await run(server.url, ['DROP DATABASE plain']);
    const restored = await product(world, {
      what: 'restore',
      url: server.url,
      prefix: 'shipped',
      id: set.id,
      database: 'ours',
    });
    rows.verified.push(restored.wallMs);
    rows.stages.push(`${seconds(restored.stages.restore)} + ${seconds(restored.stages.compare)}`);
    await run(server.url, ['DROP DATABASE ours']);
    const read = await product(world, {what: 'readBack', prefix: 'shipped', id: set.id});
    rows.readBack.push(read.stored / 1e6 / (read.workMs / 1e3));
  }
  rmSync(archive);
  console.log(
    `\npg_restore of the same archive from a file ${seconds(median(rows.plain))} s (${rows.plain.map(seconds).join(' ')}); restore of the set with counts, digests and ANALYZE ${seconds(median(rows.verified))} s (${rows.verified.map(seconds).join(' ')}; restoring + comparing ${rows.stages.join(', ')})`,
  );
  printRatio('verified restore / pg_restore', median(rows.verified) / median(rows.plain), '<= 1.4');
  console.log(`read-back verification ${median(rows.readBack).toFixed(0)} MB/s of stored bytes (goal >= 150)`);
}

/** Cancels a set half-way, and reads what the processes of a whole one have written to disks. */
async function printCancel(world, url, workMs) {
  const job = {what: 'cancel', url, prefix: 'cancelled', depth: 'digests', afterMs: workMs / 2};
  const {outcome, tookMs, left} = await product(world, job);
  console.log(
    `\ncancelled half-way: ${outcome} after ${seconds(tookMs)} s (goal <= 5), left in the store: ${left.join(', ') || 'nothing'}`,
  );
  const {disk} = await product(
    world,
    {what: 'set', url, prefix: 'disk', compression: 'stream', depth: 'digests'},
    true,
  );
  console.log(`written to disks: ${disk.map(({name, bytes}) => `${name} ${bytes}`).join(', ')} bytes (goal 0)`);
  await world.forget('disk');
}

/** Memory against size: the same pipeline from a made-up source into a store that throws the bytes away. */
async function printMemory(world) {
  const figures = [];
  console.log('');
  for (const gib of sizes) {
    const {rssMB, workMs} = await product(world, {what: 'part', bytes: gib * 1024 ** 3});
    figures.push(rssMB);
    console.log(
      `${gib} GiB through encryption, digests and upload: peak ${rssMB.toFixed(0)} MB, ${((gib * 1024 ** 3) / 1e6 / (workMs / 1e3)).toFixed(0)} MB/s`,
    );
  }
  console.log(
    `growth from ${sizes[0]} to ${sizes.at(-1)} GiB: ${((figures.at(-1) / figures[0] - 1) * 100).toFixed(1)} % (goal < 10 %), peak ${Math.max(...figures).toFixed(0)} MB (goal <= 256)`,
  );
}

async function shellSide({keys, endpoint}, tools, url) {
  const home = join(folder, 'gnupg');
  const recipient = join(folder, 'recipient.asc');
  writeFileSync(recipient, keys.publicKey);
  mkdirSync(home, {mode: 0o700});
  await time(`gpg --homedir ${home} --batch --quiet --import ${recipient}`);
  const encrypt = `gpg --homedir ${home} --batch --quiet --trust-model always -z0 --encrypt --recipient rehearsal@switchback.invalid`;
  const upload = `aws --endpoint-url ${endpoint} s3 cp --quiet - s3://bench/discard/shell.pgp`;
  const dump = `${tool(tools, 'pg_dump')} -d '${url}'`;
  return {
    classic: `${dump} -Fc | ${encrypt} | ${upload}`,
    inside: `${dump} -Fc --compress=zstd:3 | ${encrypt} | ${upload}`,
    outside: `${dump} -Fc -Z0 | zstd -q -c -T2 -3 | ${encrypt} | ${upload}`,
  };
}

function tool(tools, name) {
  return join(tools.folder, name);
}

async function product({keys, endpoint, env, bundle}, job, watch = false) {
  const {publicKey: recipients, privateKey: key} = keys;
  const JOB = JSON.stringify({endpoint, recipients, ...(job.what === 'restore' ? {key} : {}), ...job});
  const {stdout, ...times} = await time(`'${process.execPath}' '${bundle}'`, {...env, JOB}, watch);
  return {...JSON.parse(stdout), ...times};
}

/** As one file, the way the actions ship: loading hundreds of modules is no part of a backup. */
function bundleRunner() {
  const ncc = join(dirname(createRequire(import.meta.url).resolve('@vercel/ncc/package.json')), 'dist/ncc/cli.js');
  const arguments_ = [ncc, 'build', join(here, '_backup-run.mjs'), '-o', join(folder, 'run'), '--no-cache', '--quiet'];
  execFileSync(process.execPath, arguments_);
  return join(folder, 'run', 'index.mjs');
}

/** The store and what its clients need; `forget` throws the objects below a prefix away. */
async function startSink() {
  const {key, cert} = selfSigned();
  const authority = join(folder, 'authority.pem');
  writeFileSync(authority, cert);
  const sink = fork(join(here, '_s3-sink.mjs'), {env: {...process.env, SINK_KEY: key, SINK_CERT: cert}});
  children.push(sink);
  const {port} = await new Promise((resolve) => sink.once('message', resolve));
  const env = {
    AWS_CA_BUNDLE: authority,
    NODE_EXTRA_CA_CERTS: authority,
    AWS_ACCESS_KEY_ID: 'AKIABENCH',
    AWS_SECRET_ACCESS_KEY: 'bench-secret-bench-secret',
    AWS_DEFAULT_REGION: 'us-east-1',
  };
  return {endpoint: `https://127.0.0.1:${port}`, env, forget: async (prefix) => void sink.send({forget: prefix})};
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
