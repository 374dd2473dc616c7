// npm run bench -- vercel-upload [--files 5000] [--megabytes 200] [--rounds 3] [--archive auto|tgz|none] [--cli PATH]: the
// same folder goes to the stand-in by our adapter and by the platform's command line, in turn, each in a process of its
// own. Tells time, peak memory and requests.
import {spawn} from 'node:child_process';
import {randomFillSync} from 'node:crypto';
import {existsSync} from 'node:fs';
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const {values} = parseArgs({
  options: {
    files: {type: 'string', default: '5000'},
    megabytes: {type: 'string', default: '200'},
    rounds: {type: 'string', default: '3'},
    // `auto` is what a user gets; `none` sends file by file.
    archive: {type: 'string', default: 'auto'},
    cli: {type: 'string', default: join(root, '.cache/vercel-cli/node_modules/vercel/dist/vc.js')},
    // Used by this script for its own child.
    child: {type: 'string'},
  },
});
if (values.child) await deployOnce(JSON.parse(values.child));
else await compare();

async function deployOnce({url, folder, archive, release}) {
  const {openVercel} = await import(join(root, 'lib/src/platforms/vercel/vercel.js'));
  const vercel = openVercel({token: 'bench', project: 'prj_bench', team: 'team_bench', apiUrl: url, archive});
  const call = {signal: new AbortController().signal, progress: () => {}, timeoutMs: 600_000};
  const ended = await vercel.deploy({commit: 'b'.repeat(40), release, path: folder}, call);
  if (ended.outcome !== 'ready') throw new Error(`ended as ${ended.outcome}`);
}

async function compare() {
  const {startVercel} = await import(join(root, 'lib/src/rehearsal/vercel/stand-in.js'));
  const work = await mkdtemp(join(tmpdir(), 'switchback-bench-'));
  try {
    const folder = join(work, 'site');
    await layFiles(folder, Number(values.files), Number(values.megabytes) * 1e6);
    const peak = await layPeakHook(work);
    const hasCli = existsSync(values.cli);
    if (!hasCli) console.log(`No command line at ${values.cli}: npm install --prefix .cache/vercel-cli vercel@60.1.3`);
    const results = new Map();
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const archive of [values.archive]) {
        for (const who of hasCli ? ['ours', 'cli'] : ['ours']) {
          const result = await measure({startVercel, work, folder, peak, archive, who, round});
          console.log(
            `${who} archive=${archive}: ${result.seconds.toFixed(1)} s, peak ${result.peakMB} MB, ${result.requests} requests`,
          );
          const key = `${who} ${archive}`;
          results.set(key, [...(results.get(key) ?? []), result]);
        }
      }
    }
    for (const [key, list] of results)
      console.log(
        `median ${key}: ${median(list.map((one) => one.seconds)).toFixed(1)} s, peak ${Math.max(...list.map((one) => one.peakMB))} MB`,
      );
  } finally {
    await rm(work, {recursive: true, force: true});
  }
}

/** A fresh stand-in for each run: nothing was uploaded before. */
async function measure({startVercel, work, folder, peak, archive, who, round}) {
  const vercel = await startVercel({
    token: 'bench',
    team: {id: 'team_bench', slug: 'bench'},
    projects: [{id: 'prj_bench', name: 'bench'}],
  });
  try {
    await vercel.seed({projectId: 'prj_bench', files: {'a.js': ''}, promoted: true});
    const args =
      who === 'ours'
        ? [
            fileURLToPath(import.meta.url),
            '--child',
            JSON.stringify({url: vercel.url, folder, archive, release: `bench-${round}`}),
          ]
        : [
            values.cli,
            'deploy',
            folder,
            '--prod',
            '--skip-domain',
            '--yes',
            '--non-interactive',
            '--api',
            vercel.url,
            '--token',
            'bench',
            '--scope',
            'bench',
            ...(archive === 'none' ? [] : ['--archive=tgz']),
          ];
    const before = performance.now();
    await run(args, work, peak);
    const seconds = (performance.now() - before) / 1_000;
    return {
      seconds,
      peakMB: Math.round(Number(await readFile(peak.file, 'utf8')) / 1_000),
      requests: vercel.requests.length,
    };
  } finally {
    await vercel.close();
  }
}

function run(args, work, peak) {
  const env = {
    PATH: process.env.PATH,
    HOME: work,
    RUNNER_TEMP: work,
    NODE_OPTIONS: `--require ${peak.hook}`,
    VERCEL_ORG_ID: 'team_bench',
    VERCEL_PROJECT_ID: 'prj_bench',
    VERCEL_TELEMETRY_DISABLED: '1',
    NO_UPDATE_NOTIFIER: '1',
    CI: '1',
  };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {env, stdio: ['ignore', 'pipe', 'pipe']});
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (said = (said + chunk).slice(-2_000)));
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`exit ${code}: ${said}`))));
  });
}

/**
 * Writes the peak of its process's memory in kB when it exits; helpers that a process starts are not counted. Taken from
 * VmHWM, since the figure of getrusage also counts what the parent held when it started this process.
 */
async function layPeakHook(work) {
  const [hook, file] = [join(work, 'peak.cjs'), join(work, 'peak.txt')];
  const body = `const {readFileSync, writeFileSync} = require('node:fs');
if (process.ppid === ${process.pid}) process.on('exit', () => writeFileSync(${JSON.stringify(file)}, /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]));`;
  await writeFile(hook, body);
  return {hook, file};
}

/** Bytes that do not compress: the worst case for an archive. */
async function layFiles(folder, count, bytes) {
  const each = Math.floor(bytes / count);
  for (let i = 0; i < count; i++) {
    const directory = join(folder, `d${i % 50}`);
    if (i < 50) await mkdir(directory, {recursive: true});
    await writeFile(join(directory, `${i}.bin`), randomFillSync(Buffer.allocUnsafe(each)));
  }
}

function median(list) {
  return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
}
