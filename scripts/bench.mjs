// npm run bench -- NAME [options]: runs scripts/bench/NAME.mjs on Node 24; without a name it lists them.
import {spawnSync} from 'node:child_process';
import {existsSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import {compile} from './compile.mjs';
import {node24, root} from './node24.mjs';

const folder = join(root, 'scripts', 'bench');
const names = existsSync(folder)
  ? readdirSync(folder)
      .filter((file) => file.endsWith('.mjs') && !file.startsWith('_'))
      .map((file) => file.slice(0, -4))
  : [];
const [name, ...rest] = process.argv.slice(2);
if (!name || !names.includes(name)) {
  console.log(`Usage: npm run bench -- NAME\nBenchmarks: ${names.join(', ')}`);
  process.exit(name ? 2 : 0);
}
compile();
process.exit(
  spawnSync(node24() ?? process.execPath, [join(folder, `${name}.mjs`), ...rest], {cwd: root, stdio: 'inherit'})
    .status ?? 1,
);
