// npm run bench -- monitor [--seed N] [--days D]: a simulated year of minute checks over 20 services, the time to an
// alarm, and what the history of a year weighs.
import {
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
process.exit(missed ? 1 : 0);
