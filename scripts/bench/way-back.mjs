// npm run bench -- way-back [--runs N] [--worlds W] [--container-start SECONDS]: a release that breaks under users, from the first bad
// answer to gated again, with the gate's usual settings and a Railway that takes its time to start a container; W worlds side by side,
// since a run mostly waits. Exit 1 when the 95th percentile is 120 s or more, or a run did not end as it should.
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {measureWayBack} from '../../lib/src/rehearsal/chaos/way-back.js';

const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const runs = option('runs', 50);
const goalMs = 120_000;
const results = [];
let begun = 0;
const seconds = (ms) => `${(ms / 1_000).toFixed(1)} s`;
const root = join(fileURLToPath(import.meta.url), '..', '..', '..');

async function work() {
  while (begun < runs) {
    const run = ++begun;
    const result = await measureWayBack({
      suiteRoot: root,
      nodePath: process.execPath,
      containerStartMs: option('container-start', 30) * 1_000,
    });
    results.push(result);
    console.log(
      `run ${run}: gated again after ${seconds(result.outageMs)}, both sides read back ${seconds(result.restoreMs)} after the rollback began, users saw bad answers for ${seconds(result.badMs)}${result.wrong.length ? `; WRONG: ${result.wrong.join('; ')}` : ''}`,
    );
  }
}

await Promise.all(Array.from({length: option('worlds', 5)}, work));
const at = (share) => {
  const sorted = results.map((one) => one.outageMs).sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
};
const wrong = results.filter((one) => one.wrong.length);
console.log(
  `${results.length} runs: first bad answer to gated again ${seconds(at(0.5))} at the median, ${seconds(at(0.95))} at the 95th percentile (goal: under ${seconds(goalMs)}; objective: 300 s), ${wrong.length} not as they should be`,
);
process.exit(wrong.length || !(at(0.95) < goalMs) ? 1 : 0);
