// npm run bench -- NAME [options]: runs scripts/bench/NAME.mjs on Node 24, with the conditions above and below it.
// Without a name it lists them; `npm run bench -- all` runs one after another and ends with a table. With --help it
// prints what stands at the head of that file: the options are the ones named there, and others are refused.
import {spawnSync} from 'node:child_process';
import {readdirSync, readFileSync} from 'node:fs';
import {availableParallelism, cpus, loadavg, totalmem} from 'node:os';
import {join} from 'node:path';
import {compile} from './compile.mjs';
import {node24, root} from './node24.mjs';

const folder = join(root, 'scripts', 'bench');
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.mjs') && !file.startsWith('_'))
  .map((file) => file.slice(0, -4));
const node = node24() ?? process.execPath;
const [name, ...rest] = process.argv.slice(2);

const help = process.argv.some((argument) => argument === '--help' || argument === '-h');

if (!(name === 'all' || names.includes(name))) {
  console.log(`Usage: npm run bench -- NAME [options], or all\n\n${table(names.map((one) => [one, purposeOf(one)]))}`);
  process.exit(help || !name ? 0 : 2);
}
const usage = name === 'all' ? 'npm run bench -- all: each benchmark in turn, with its own defaults' : headOf(name);
if (help) {
  console.log(usage);
  process.exit(0);
}
const unknown = unknownOption(usage, rest);
if (unknown) {
  console.error(`${name} takes no ${unknown}\n\n${usage}`);
  process.exit(2);
}
compile();
if (name !== 'all') process.exit(bench(name, rest).status);
const results = names.map((one) => {
  console.log(`\n=== ${one}`);
  return bench(one, []);
});
console.log(
  `\n${table(results.map(({one, seconds, status}) => [one, `${seconds} s`, status ? `exit ${status}` : 'ok']))}`,
);
process.exit(results.some(({status}) => status !== 0) ? 1 : 0);

function bench(one, options) {
  const startedMs = performance.now();
  const load = () =>
    loadavg()
      .map((value) => value.toFixed(1))
      .join(' ');
  const version = spawnSync(node, ['--version'], {encoding: 'utf8'}).stdout.trim();
  console.log(
    `Node ${version}, ${availableParallelism()} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, load ${load()}`,
  );
  const {status} = spawnSync(node, [join(folder, `${one}.mjs`), ...options], {cwd: root, stdio: 'inherit'});
  const seconds = Math.round((performance.now() - startedMs) / 1e3);
  console.log(`${one} took ${seconds} s, load at its end ${load()}`);
  return {one, seconds, status: status ?? 1};
}

/** The comment that each of them begins with: usage, purpose, what it needs. */
function headOf(one) {
  const comment = /^(?:\/\/.*\n)+/.exec(readFileSync(join(folder, `${one}.mjs`), 'utf8'))?.[0] ?? '';
  return comment.replace(/^\/\/ ?/gm, '').trim();
}

/** The first option that the usage line, which ends with a colon, does not name. */
function unknownOption(usage, given) {
  const known = usage.slice(0, usage.search(/:(?:\s|$)/)).match(/--[a-z-]+/g) ?? [];
  return given.map((argument) => argument.split('=')[0]).find((one) => one.startsWith('-') && !known.includes(one));
}

/** The sentence after the usage line that each of them begins with. */
function purposeOf(one) {
  const text = headOf(one).replace(/\s+/g, ' ');
  return /^npm run bench -- [^:]*: (.*?)(?:[.;] |\.?$)/.exec(text)?.[1] ?? text.slice(0, 100);
}

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
