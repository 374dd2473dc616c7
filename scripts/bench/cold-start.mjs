// npm run bench -- cold-start [--rounds N] [NAME ...]: from process start to the first useful line of every bundle,
// beside a bare Node that prints one line, all in turn in one run. Two starts are measured: a step without inputs, whose
// first line is their refusal, and a step with all it needs, whose first line says what is wrong with the configuration
// file: by then the flow, its schema and the YAML parser are loaded. Exit 1 when a median is over the budget.
import {spawn} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {root} from '../node24.mjs';

const {values, positionals} = parseArgs({options: {rounds: {type: 'string', default: '15'}}, allowPositionals: true});
const {timesBareNode, plusMs} = JSON.parse(readFileSync(join(root, 'scripts/bundle-budget.json'), 'utf8')).coldStart;
const names = readdirSync(join(root, 'actions')).filter(
  (name) => existsSync(join(root, 'actions', name, 'main.ts')) && (!positionals.length || positionals.includes(name)),
);
const folder = mkdtempSync(join(tmpdir(), 'switchback-cold-start-'));
try {
  process.exitCode = await measure();
} finally {
  rmSync(folder, {recursive: true, force: true});
}

async function measure() {
  const starts = await prepare();
  const bare = {label: 'bare node', script: join(folder, 'bare.mjs'), env: {}, expected: /^a line/m, ms: []};
  writeFileSync(bare.script, "console.log('a line');\n");
  for (const one of [bare, ...starts]) await firstLine(one);
  for (let round = 0; round < Number(values.rounds); round++)
    for (const one of [bare, ...starts]) one.ms.push(await firstLine(one));
  const base = median(bare.ms);
  const limit = timesBareNode * base + plusMs;
  console.log(`node ${process.version}, ${values.rounds} rounds, medians (fastest)`);
  console.log(`${bare.label.padEnd(38)} ${figure(bare.ms)}`);
  for (const {label, ms} of starts)
    console.log(
      `${label.padEnd(38)} ${figure(ms)}  ${(median(ms) / base).toFixed(1)} × bare${median(ms) > limit ? '  OVER' : ''}`,
    );
  const over = starts.filter(({ms}) => median(ms) > limit);
  console.log(
    `limit: ${timesBareNode} × bare + ${plusMs} ms = ${limit.toFixed(0)} ms; ${over.length} of ${starts.length} over it`,
  );
  return over.length ? 1 : 0;
}

async function prepare() {
  const workspace = join(folder, 'workspace');
  mkdirSync(join(workspace, '.github'), {recursive: true});
  writeFileSync(join(workspace, '.github/switchback.yml'), 'product: shop\nno-such-key: 1\n');
  const starts = [];
  for (const name of names) {
    const {spec} = await import(join(root, 'lib/actions', name, 'spec.js'));
    const script = join(root, 'actions', name, 'dist/index.js');
    const needed = Object.entries(spec.inputs).filter(([, field]) => field.required && field.default === undefined);
    if (needed.length)
      starts.push({label: `${name}, refused`, script, env: {}, expected: /::error::The inputs/, ms: []});
    if (!spec.inputs.config) continue;
    const inputs = Object.fromEntries(
      needed.map(([input, field]) => [`INPUT_${input.toUpperCase()}`, valueFor(field)]),
    );
    const env = {...inputs, GITHUB_WORKSPACE: workspace, GITHUB_REPOSITORY: 'acme/shop'};
    starts.push({label: `${name}, configuration read`, script, env, expected: /no-such-key/, ms: []});
  }
  return starts;
}

function valueFor(field) {
  return (
    field.options?.[0] ??
    field.example ??
    (field.secret ? 'a-secret-for-a-bench' : '0123456789012345678901234567890123456789')
  );
}

/** Milliseconds from spawning to the first line; the line is checked, so that a crash is not taken for a fast start. */
function firstLine({label, script, env, expected}) {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    const child = spawn(process.execPath, [script], {
      cwd: folder,
      env: {PATH: process.env.PATH, HOME: folder, RUNNER_TEMP: folder, ...env},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let ms;
    let said = '';
    child.stdout.on('data', (text) => {
      ms ??= performance.now() - startedMs;
      said += text;
    });
    child.stderr.on('data', (text) => {
      said += text;
    });
    child.on('close', () =>
      ms !== undefined && expected.test(said)
        ? resolve(ms)
        : reject(new Error(`${label}: expected ${expected}, it said\n${said.slice(0, 2_000)}`)),
    );
  });
}

function median(ms) {
  return [...ms].sort((a, b) => a - b)[Math.floor(ms.length / 2)];
}

function figure(ms) {
  return `${median(ms).toFixed(0).padStart(5)} ms (${Math.min(...ms).toFixed(0)})`;
}
