// Builds every JavaScript action into actions/<name>/dist with ncc; with --check it builds aside and compares instead.
// Usage: npm run build [-- --check] [-- name ...]
import {spawn} from 'node:child_process';
import {cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join, relative} from 'node:path';
import {minify} from '@swc/core';
import {bundledPackages, licenceText} from './bundled-packages.mjs';
import {compile} from './compile.mjs';
import {root} from './node24.mjs';

const check = process.argv.includes('--check');
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const ncc = join(dirname(createRequire(import.meta.url).resolve('@vercel/ncc/package.json')), 'dist/ncc/cli.js');
const names = readdirSync(join(root, 'actions')).filter(
  (name) => existsSync(join(root, 'actions', name, 'main.ts')) && (!named.length || named.includes(name)),
);

compile();
const queue = [...names];
const problems = [];
await Promise.all([worker(), worker()]);
if (!named.length) {
  // The review of what is bundled is read from the lists beside the bundles.
  const review = [join(root, 'scripts', 'dependencies.mjs'), ...(check ? ['--check'] : [])];
  await run(process.execPath, review, root).catch(() => problems.push('action-docs/dependencies.md is not up to date'));
}
if (!named.length) for (const name of orphans()) problems.push(`actions/${name}/dist has no main.ts beside it`);
if (problems.length) {
  console.error(`${problems.join('\n')}\nNext: npm run build, then commit actions/*/dist.`);
  process.exit(1);
}
console.log(
  check
    ? `${names.length} bundles are fresh`
    : `${names.length} bundles built, ${(names.reduce((sum, name) => sum + sizeOf(join(root, 'actions', name, 'dist')), 0) / 1e6).toFixed(1)} MB`,
);

async function worker() {
  for (let name = queue.shift(); name; name = queue.shift()) await bundle(name);
}

async function bundle(name) {
  const out = join(root, '.cache', 'dist', name);
  const target = join(root, 'actions', name, 'dist');
  const stats = join(root, '.cache', `${name}-stats.json`);
  rmSync(out, {recursive: true, force: true});
  mkdirSync(join(root, '.cache'), {recursive: true});
  await run(
    process.execPath,
    [ncc, 'build', `lib/actions/${name}/main.js`, '-o', out, '--no-cache', '--quiet', '--stats-out', stats],
    root,
  );
  // The bundler's own licence file misses packages that were joined into one module.
  const packages = bundledPackages(JSON.parse(readFileSync(stats, 'utf8')));
  rmSync(stats);
  writeFileSync(join(out, 'licenses.txt'), licenceText(packages));
  await minifyAll(out);
  addWebAssembly(out);
  if (check) {
    problems.push(...differences(name, out, target));
    return;
  }
  rmSync(target, {recursive: true, force: true});
  mkdirSync(target, {recursive: true});
  cpSync(out, target, {recursive: true});
  console.log(`${name.padEnd(14)} ${(sizeOf(target) / 1e6).toFixed(2)} MB`);
}

// PostgreSQL's parser reads its WebAssembly at run time, from the folder of the bundle: ncc does not see that.
function addWebAssembly(folder) {
  const name = 'libpg-query.wasm';
  if (filesOf(folder).some((file) => file.endsWith('.js') && readFileSync(join(folder, file), 'utf8').includes(name)))
    writeFileSync(join(folder, name), readFileSync(join(root, 'node_modules/libpg-query/wasm', name)));
}

// ncc minifies its main file only; lazy chunks are half of what is committed and downloaded.
async function minifyAll(folder) {
  for (const file of filesOf(folder).filter((name) => name.endsWith('.js'))) {
    const {code} = await minify(readFileSync(join(folder, file), 'utf8'), {
      module: true,
      ecma: 2022,
      compress: {ecma: 2022, passes: 1},
      mangle: true,
      format: {comments: false, ecma: 2022},
    });
    writeFileSync(join(folder, file), code);
  }
}

function differences(name, fresh, committed) {
  const files = new Set([...filesOf(fresh), ...filesOf(committed)]);
  return [...files]
    .filter((file) => read(join(fresh, file)) !== read(join(committed, file)))
    .map((file) => `actions/${name}/dist/${file} is not what the sources build`);
}

function read(file) {
  return existsSync(file) ? readFileSync(file, 'latin1') : undefined;
}

function filesOf(folder) {
  return existsSync(folder)
    ? readdirSync(folder, {recursive: true, withFileTypes: true})
        .filter((entry) => entry.isFile())
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    : [];
}

function sizeOf(folder) {
  return filesOf(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
}

function orphans() {
  return readdirSync(join(root, 'actions')).filter(
    (name) => existsSync(join(root, 'actions', name, 'dist')) && !existsSync(join(root, 'actions', name, 'main.ts')),
  );
}

function run(command, args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {cwd, stdio: ['ignore', 'inherit', 'inherit']});
    child.on('close', (status) =>
      status === 0 ? resolve() : reject(new Error(`${args.slice(0, 3).join(' ')} ended with ${status}`)),
    );
  });
}
