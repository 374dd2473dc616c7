// npm run bench -- monitor [--seed N] [--days D] [--services S]: a simulated year of minute checks over 20 services, the
// time to an alarm, and what the history of a year weighs.
import {execFile} from 'node:child_process';
import {createServer} from 'node:http';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import {defaultHistoryPolicy, History} from '../../lib/src/monitor/history.js';
import {memoryFiles} from '../../lib/src/monitor/history-files.js';
import {writeSampleHistory} from '../../lib/src/monitor/sample-history.js';
import {
  budgetAlarms,
  evidenceWatch,
  falseAlarms,
  inARowWatch,
  median,
  quantile,
  roundsToAlarm,
} from '../../lib/src/monitor/simulation.js';

const option = (name, fallback) =>
  process.argv.includes(`--${name}`) ? Number(process.argv[process.argv.indexOf(`--${name}`) + 1]) : fallback;
const seed = option('seed', 20260901);
const days = option('days', 365);
const services = option('services', 20);
const rules = {
  'evidence (default)': () => evidenceWatch(),
  '3 failures in a row': () => inARowWatch(3),
  '1 failure': () => inARowWatch(1),
};
let missed = 0;
const wanted = (holds) => {
  if (!holds) missed++;
  return holds ? 'ok' : 'MISS';
};

console.log(`seed ${seed}; ${services} services at 99.9 % with bursts, ${days} days of one round a minute`);
console.log(
  '| rule | false alarms a service a year, mean (worst) | rounds to alarm, dead: median (worst) | failing 20 %: median (95 %) |',
);
console.log('|---|---|---|---|');
for (const [name, make] of Object.entries(rules)) {
  const alarms = falseAlarms(make, services, days, seed).map((count) => (count * 365) / days);
  const dead = roundsToAlarm(make, 1, 200, seed + 1_000);
  const partial = roundsToAlarm(make, 0.2, 200, seed + 2_000);
  const mean = alarms.reduce((a, b) => a + b, 0) / alarms.length;
  console.log(
    `| ${name} | ${mean.toFixed(2)} (${Math.max(...alarms).toFixed(0)}) | ${median(dead)} (${Math.max(...dead)}) | ${median(partial)} (${quantile(partial, 0.95)}) |`,
  );
  if (!name.startsWith('evidence')) continue;
  console.log(`  ${wanted(Math.max(...alarms) <= 1)}: at most one false alarm a service a year`);
  console.log(`  ${wanted(Math.max(...dead) <= 3)}: a dead service alarmed within 3 rounds`);
  console.log(`  ${wanted(median(partial) <= 30)}: a service failing 20 % alarmed within 30 rounds (median)`);
}

// The error budget's alarms, for a service that meets its objective exactly and for some that do not.
for (const minutes of [1, 5]) {
  const everyMs = minutes * 60_000;
  const seeds = Array.from({length: services}, (_, i) => seed + 31 * i);
  const counts = seeds.map((one) => (budgetAlarms({everyMs, days, seed: one}).length * 365) / days);
  const mean = counts.reduce((a, b) => a + b, 0) / counts.length;
  const hours = [0.005, 0.01, 0.03].map((failing) =>
    median(
      seeds.map((one) => (budgetAlarms({everyMs, days: 4, seed: one, failing})[0] ?? Number.POSITIVE_INFINITY) / 3.6e6),
    ),
  );
  console.log(
    `error budget, a round each ${minutes} min: ${mean.toFixed(2)} false alarms a service a year (worst ${Math.max(...counts).toFixed(0)}); failing 0.5, 1, 3 %: after ${hours.map((hour) => hour.toFixed(1)).join(', ')} h (median)`,
  );
  console.log(`  ${wanted(mean <= 1)}: at most one false alarm a service a year`);
}

// A year of history: rounds each minute would take long to make, so one day of them is weighed, and a year of hours.
{
  const dayMs = 86_400_000;
  const names = Array.from({length: 20}, (_, i) => `service ${i + 1}`);
  const weigh = async (sample, policy) => {
    const files = memoryFiles();
    const history = new History(files, {...defaultHistoryPolicy, ...policy});
    await writeSampleHistory(history, {services: names, nowMs: Date.UTC(2026, 10, 23), seed, ...sample});
    const bytes = (folder) =>
      [...files.texts]
        .filter(([name]) => name.startsWith(folder))
        .reduce((sum, [, text]) => sum + Buffer.byteLength(text), 0);
    const days = (folder) => [...files.texts.keys()].filter((name) => name.startsWith(folder)).length;
    return ['rounds', 'minutes', 'hours'].map((folder) => bytes(folder) / Math.max(1, days(folder)));
  };
  const [, minutes] = await weigh({days: 10, everyMs: 60_000}, {keepRoundsMs: dayMs});
  const [rounds] = await weigh({days: 2, everyMs: 60_000}, {});
  const [, , hours] = await weigh({days: 10, everyMs: 60_000}, {keepRoundsMs: dayMs, keepMinutesMs: 2 * dayMs});
  const total = 7 * rounds + 28 * minutes + 330 * hours;
  console.log(
    `history of a year, 20 services each minute: ${(total / 1e6).toFixed(1)} MB (a day of rounds ${(rounds / 1e3).toFixed(0)} kB, of five minutes ${(minutes / 1e3).toFixed(0)} kB, of hours ${(hours / 1e3).toFixed(0)} kB)`,
  );
  console.log(`  ${wanted(total < 20e6)}: under 20 MB`);
}

// One round over a thousand services, each answering after 20 ms; the monitor is a process of its own.
{
  const server = createServer((_request, response) => setTimeout(() => response.end('ok'), 20));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const child = fileURLToPath(new URL('_monitor-round.mjs', import.meta.url));
  const {stdout} = await promisify(execFile)(process.execPath, [child, `http://127.0.0.1:${server.address().port}`]);
  const {tookMs, ok, peakMB} = JSON.parse(stdout);
  console.log(
    `one round over 1,000 services: ${(tookMs / 1e3).toFixed(2)} s, ${ok} ok, peak memory of the monitor ${peakMB.toFixed(0)} MB`,
  );
  console.log(`  ${wanted(tookMs < 5_000 && ok === 1_000)}: under 5 s`);
  console.log(`  ${wanted(peakMB < 300)}: under 300 MB`);
  server.closeAllConnections();
  server.close();
}
process.exit(missed ? 1 : 0);
