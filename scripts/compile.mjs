// Emits JavaScript for src/ and actions/ into lib/ (types are checked by `npm run types`, not here).
import {spawnSync} from 'node:child_process';
import {existsSync, readdirSync, rmSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join, relative} from 'node:path';
import {root} from './node24.mjs';

/** Files whose source is gone are removed, others overwritten in place: a running rehearsal keeps its files. */
export function compile() {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const run = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {cwd: root, stdio: 'inherit'});
  if (run.status !== 0) throw new Error(`tsc ended with ${run.status}`);
  for (const folder of ['src', 'actions']) removeStale(join(root, 'lib', folder));
}

function removeStale(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, {recursive: true, withFileTypes: true})) {
    if (!entry.isFile() || !entry.name.endsWith('.js')) continue;
    const emitted = join(entry.parentPath, entry.name);
    const source = join(root, relative(join(root, 'lib'), emitted)).replace(/\.js$/, '.ts');
    if (!existsSync(source)) rmSync(emitted);
  }
}

if (process.argv[1]?.endsWith('scripts/compile.mjs')) compile();
