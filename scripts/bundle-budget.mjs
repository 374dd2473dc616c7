// npm run budget [-- --base REF]: the size of every committed bundle against its limit, with the change since REF.
// A bundle over its limit fails; so does a limit that no bundle needs any more.
import {execFileSync} from 'node:child_process';
import {existsSync, readdirSync, readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {root} from './node24.mjs';

const {values} = parseArgs({
  options: {base: {type: 'string', default: 'HEAD'}, actions: {type: 'string', default: 'actions'}},
});
const budget = JSON.parse(readFileSync(join(root, 'scripts', 'bundle-budget.json'), 'utf8'));
const folder = join(root, values.actions);
const names = readdirSync(folder)
  .filter((name) => existsSync(join(folder, name, 'dist')))
  .sort();
const before = sizesAt(values.base);
const problems = [];
const rows = names.map(row);
const total = rows.reduce((sum, {bytes}) => sum + bytes, 0);
const totalBefore = [...before.values()].reduce((sum, bytes) => sum + bytes, 0);

for (const {name, bytes, limit, start, change} of rows)
  console.log(`${name.padEnd(15)} ${mb(bytes)} of ${mb(limit)} MB, ${mb(start)} MB of it at the start${change}`);
console.log(`${'all'.padEnd(15)} ${mb(total)} of ${mb(budget.total)} MB${changed(total, totalBefore)}`);
if (total >= budget.total) problems.push(`The bundles together are ${mb(total)} MB, over ${mb(budget.total)} MB`);
for (const name of Object.keys(budget.larger))
  if (!names.includes(name)) problems.push(`scripts/bundle-budget.json has a limit for ${name}, which has no bundle`);
if (problems.length) {
  console.error(
    `${problems.join('\n')}\nNext: load what is large only where it is used, or raise the limit and say why.`,
  );
  process.exit(1);
}

function row(name) {
  const dist = join(folder, name, 'dist');
  const files = readdirSync(dist, {recursive: true}).map((file) => join(dist, file));
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  const start = statSync(join(dist, 'index.js')).size;
  const limit = budget.larger[name]?.bytes ?? budget.bundle;
  if (bytes > limit) problems.push(`${name} is ${mb(bytes)} MB, over its ${mb(limit)} MB`);
  if (start > budget.start)
    problems.push(`${name} reads ${mb(start)} MB before its first line (index.js), over ${mb(budget.start)} MB`);
  return {name, bytes, limit, start, change: changed(bytes, before.get(name) ?? 0)};
}

/** Bytes per action in a commit; empty outside a repository, where there is nothing to compare with. */
function sizesAt(ref) {
  const sizes = new Map();
  let listed = '';
  try {
    listed = execFileSync('git', ['ls-tree', '-r', '-l', ref, '--', 'actions'], {
      cwd: root,
      encoding: 'utf8',
      stdio: 'pipe',
    });
  } catch {
    console.log(`No commit ${values.base} to compare with.`);
  }
  for (const [, bytes, name] of listed.matchAll(/^\S+ blob \S+ +(\d+)\tactions\/([^/]+)\/dist\//gm))
    sizes.set(name, (sizes.get(name) ?? 0) + Number(bytes));
  return sizes;
}

function changed(now, then) {
  const kb = Math.round((now - then) / 1000);
  return then && kb ? ` (${kb > 0 ? '+' : ''}${kb} kB since ${values.base})` : '';
}

function mb(bytes) {
  return (bytes / 1e6).toFixed(2);
}
