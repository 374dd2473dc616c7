// npm run bench -- NAME [options]: runs scripts/bench/NAME.mjs on Node 24, with the conditions above and below it.
// Without a name it lists them; `npm run bench -- all` runs one after another and ends with a table.
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

if (!name || !(name === 'all' || names.includes(name))) {
  console.log(`Usage: npm run bench -- NAME [options], or all\n\n${table(names.map((one) => [one, purposeOf(one)]))}`);
  process.exit(name ? 2 : 0);
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

/** The sentence after the usage line that each of them begins with. */
function purposeOf(one) {
  const comment = /^(?:\/\/.*\n)+/.exec(readFileSync(join(folder, `${one}.mjs`), 'utf8'))?.[0] ?? '';
  const text = comment.replace(/^\/\/ ?/gm, '').replace(/\s+/g, ' ');
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
