// npm run bench -- cli: start of the terminal command (--help) beside bare node's start, interleaved.
import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {root} from '../node24.mjs';

const rounds = Number(process.argv[2] ?? 30);
const commands = {
  'bare node': ['-e', '0'],
  'switchback --help': [join(root, 'bin', 'switchback.mjs'), '--help'],
};
const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
for (let round = 0; round < rounds; round++) {
  for (const [name, args] of Object.entries(commands)) {
    const startedNs = process.hrtime.bigint();
    const {status} = spawnSync(process.execPath, args, {stdio: 'ignore'});
    if (status !== 0) throw new Error(`${name} ended with ${status}`);
    times[name].push(Number(process.hrtime.bigint() - startedNs) / 1e6);
  }
}
const medians = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
for (const [name, ms] of Object.entries(medians))
  console.log(`${name.padEnd(20)} ${ms.toFixed(1)} ms (median of ${rounds})`);
const ratio = medians['switchback --help'] / medians['bare node'];
console.log(`ratio                ${ratio.toFixed(2)} (objective: under 1.50)`);
process.exitCode = ratio < 1.5 ? 0 : 1;

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
