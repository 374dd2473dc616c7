// npm run bench -- gate [--seed N] [--scale S]: every acceptance figure of the gate, measured on seeded streams.
import {performance} from 'node:perf_hooks';
import {RateEvidence, rateLadder} from '../../lib/src/gate/evidence.js';
import {resolvePolicy} from '../../lib/src/gate/policy.js';
import {
  consecutiveRule,
  evidenceRule,
  failureLimitRule,
  runningRateRule,
  windowRule,
} from '../../lib/src/gate/rules.js';
import {
  alarms,
  burstAlarms,
  clusteredWindows,
  gateFigures,
  latencyFigures,
  onsetFigures,
  pairFigures,
  ruleFigures,
  steadyWindows,
  verdicts,
  windowFigures,
} from '../../lib/src/gate/trials.js';
import {sprtRule} from '../../lib/src/gate/yardsticks.js';

const option = (name, fallback) => Number(process.argv[process.argv.indexOf(`--${name}`) + 1] || fallback);
const seed = process.argv.includes('--seed') ? option('seed', 0) : 20260822;
const scale = process.argv.includes('--scale') ? option('scale', 1) : 1;
const runs = (full) => Math.max(10, Math.round(full * scale));
const share = (figures, count = figures.fails) => `${((100 * count) / figures.runs).toFixed(2)}%`;
let missed = 0;

console.log(`seed ${seed}, scale ${scale}, Node ${process.versions.node}`);

function row(name, measured, demanded, holds) {
  if (!holds) missed++;
  console.log(`${holds ? 'ok  ' : 'MISS'} ${name.padEnd(58)} ${String(measured).padEnd(30)} demanded ${demanded}`);
}

const atMost = (name, figures, full, total) =>
  row(
    name,
    `${figures.fails} of ${figures.runs}`,
    `≤ ${full} of ${total}`,
    figures.fails <= Math.max(full * (figures.runs / total), 0),
  );
const around = (name, value, middle, give) => row(name, value, `${middle} ± ${give}`, Math.abs(value - middle) <= give);
const exactly = (name, value, wanted) => row(name, value, wanted, value === wanted);

const timed = (act) => {
  const start = performance.now();
  const value = act();
  return {value, seconds: (performance.now() - start) / 1000};
};

console.log('\n2 False alarms over 10,000 probes');
for (const [rate, confidence, most] of [
  [0.01, 0.99, 100],
  [0.005, 0.99, 10],
  [0.001, 0.99, 2],
  [0.01, 0.95, 500],
  [0.01, 0.999, 10],
])
  atMost(
    `failing ${rate * 100} %, confidence ${confidence * 100} %`,
    alarms(rate, runs(10_000), 10_000, seed, confidence),
    most,
    10_000,
  );

console.log('\n3 Detection by 600 probes');
for (const [rate, least, median, give, p95, give95] of [
  [0.05, 0.98, 135, 7, 380, 20],
  [0.1, 0.999, 39, 4, 117, 8],
  [0.2, 0.999, 16, 2, 41, 5],
  [0.5, 0.999, 5, 1, 15, 2],
  [1, 0.999, 3, 0, 3, 0],
]) {
  const figures = alarms(rate, runs(10_000), 600, seed);
  const longer = alarms(rate, runs(10_000), 2_000, seed);
  row(
    `${rate * 100} %: found by 600 probes`,
    share(figures),
    `≥ ${least * 100}%`,
    figures.fails / figures.runs >= least,
  );
  around(`${rate * 100} %: median`, longer.medianFail, median, give);
  around(`${rate * 100} %: 95th percentile`, longer.p95Fail, p95, give95);
}

console.log('\n4 PASS');
exactly('a clean stream', verdicts(0, 10, 600, seed).medianPass, 100);
exactly('median at 0.1 %', verdicts(0.001, runs(10_000), 2_000, seed).medianPass, 100);
exactly('median at 1 %', verdicts(0.01, runs(10_000), 2_000, seed).medianPass, 181);
{
  const sick = verdicts(0.05, runs(10_000), 2_000, seed);
  row('passed wrongly at 5 %', share(sick, sick.passes), '≤ 1.3%', sick.passes / sick.runs <= 0.013);
}

console.log('\n5 Bursts, 0.5 % overall, again with 50 %, 3,000 probes');
atMost('with the guard', burstAlarms(0.005, 0.5, 0.5, runs(4_000), 3_000, seed), 40, 4_000);
{
  const bare = burstAlarms(0.005, 0.5, undefined, runs(4_000), 3_000, seed);
  row('without it', share(bare), '> 2%', bare.fails / bare.runs > 0.02);
}

console.log('\n6 Flaky baseline 3 %, 600 pairs');
{
  const same = pairFigures(0.03, 0.03, runs(4_000), 600, seed);
  row('no worse', share(same), '≤ 1%', same.fails / same.runs <= 0.01);
  row('the objective alone', share(same, same.objectiveFails), '> 50%', same.objectiveFails / same.runs > 0.5);
  exactly('dead: median pairs', pairFigures(1, 0.03, runs(4_000), 600, seed).medianFail, 8);
  exactly('dead, clean baseline', pairFigures(1, 0, 10, 600, seed).p95Fail, 8);
  around('20 %: median pairs', pairFigures(0.2, 0.03, runs(4_000), 600, seed).medianFail, 87, 8);
}

console.log('\n7 Late onset');
for (const [onset, more] of [
  [60, 7],
  [120, 8],
  [300, 11],
  [600, 13],
])
  exactly(`dead after ${onset} clean probes`, onsetFigures(0, onset, 1, 3, 100, seed).p95Fail, more);
around('20 % after 300 probes at 0.1 %', onsetFigures(0.001, 300, 0.2, runs(4_000), 2_000, seed).medianFail, 32, 4);

console.log('\n8 Ten checks');
{
  const all = gateFigures(Array(10).fill(0.01), runs(2_000), 400, seed, {'min-duration': 600_000});
  row('all at 1 %, 400 rounds', share(all), '≤ 1.45%', all.fails / all.runs <= 0.0145);
  exactly('one dead, nine clean: round', gateFigures([1, ...Array(9).fill(0)], 3, 100, seed).p95Fail, 7);
  exactly('all dead: round', gateFigures(Array(10).fill(1), 3, 100, seed).p95Fail, 3);
}

console.log('\n9 Latency in pairs (tolerance 10 %, p95 ≤ 500 ms)');
for (const factor of [1, 1.1]) {
  const figures = latencyFigures(factor, runs(4_000), 600, seed);
  row(`factor ${factor}`, share(figures), '≤ 1.35%', figures.fails / figures.runs <= 0.0135);
}
around('factor 1.5: median pairs', latencyFigures(1.5, runs(4_000), 600, seed).medianFail, 50, 5);
exactly('factor 5: median pairs', latencyFigures(5, runs(4_000), 600, seed).medianFail, 4);

console.log('\n10 Windows of traffic');
{
  const clustered = windowFigures(clusteredWindows, runs(3_000), 120, seed);
  row('incidents now and then, 1 % on average', share(clustered), '≤ 1%', clustered.fails / clustered.runs <= 0.01);
  around('5 %: median windows', windowFigures(steadyWindows(0.05), runs(3_000), 120, seed).medianFail, 4, 1);
}

console.log('\n12 Speed');
for (const [name, x] of [
  ['successes', 0],
  ['failures', 1],
]) {
  const rate = new RateEvidence({maxErrorRate: 0.01, ladder: rateLadder(0.05), burstGuard: 0.5, restartEvery: 60});
  const {seconds} = timed(() => {
    for (let i = 0; i < 1_000_000; i++) rate.add(x);
  });
  row(
    `1,000,000 ${name}`,
    `${seconds.toFixed(2)} s, ln E ${rate.log.toPrecision(4)}`,
    '< 1 s, finite',
    seconds < 1 && Number.isFinite(rate.log),
  );
}
{
  const {value, seconds} = timed(() => gateFigures([0.01], runs(10_000), 600, seed));
  row(
    '10,000 gates of up to 600 rounds at 1 %',
    `${seconds.toFixed(1)} s, FAIL ${share(value)}`,
    '< 60 s',
    seconds < 60,
  );
}

console.log('\n13 Against the peers, on the same streams (600 probes: FAIL share · median of up to 5,000)');
const policy = resolvePolicy({});
const wald = {p0: 0.01, p1: 0.05, alpha: 0.01, beta: 0.01};
const rules = {
  'this gate': () => evidenceRule(policy),
  '3 in a row (Gatus, Upptime)': () => consecutiveRule(3),
  'failureLimit 0, count 10 (Argo)': () => failureLimitRule(0, 10),
  'failureLimit 3, count 60 (Argo)': () => failureLimitRule(3, 60),
  'failureLimit 3, no count (Argo)': () => failureLimitRule(3),
  'window 60, 5 of 10 (Flagger)': () => windowRule(),
  'running rate > 1 % after 60 (k6)': () => runningRateRule(),
  'Wald SPRT 1 % against 5 %': () => sprtRule(wald),
};
const rates = [0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];
console.log(`     ${'rule'.padEnd(34)}${rates.map((rate) => `${rate * 100} %`.padStart(14)).join('')}`);
const median = {};
const falseAlarms = {};
for (const [name, make] of Object.entries(rules)) {
  const cells = rates.map((rate) => {
    const figures = ruleFigures(make, rate, runs(2_000), 600, seed);
    const far = rate === 0.1 ? ruleFigures(make, rate, runs(1_000), 5_000, seed) : figures;
    if (rate === 0.1) median[name] = far.medianFail;
    if (rate === 0.01) falseAlarms[name] = ruleFigures(make, rate, runs(2_000), 10_000, seed).fails;
    return `${((100 * figures.fails) / figures.runs).toFixed(1)}%·${Number.isFinite(far.medianFail) ? far.medianFail : '–'}`.padStart(
      14,
    );
  });
  console.log(`     ${name.padEnd(34)}${cells.join('')}`);
}
const gate = 'this gate';
row(
  '10 %: median against 3 in a row',
  `${median[gate]} against ${median['3 in a row (Gatus, Upptime)']}`,
  '≤ 1/10',
  median[gate] <= median['3 in a row (Gatus, Upptime)'] / 10,
);
for (const peer of ['running rate > 1 % after 60 (k6)', 'failureLimit 3, no count (Argo)'])
  row(
    `1 %: false alarms over 10,000 probes against ${peer.split(' (')[0]}`,
    `${falseAlarms[gate]} against ${falseAlarms[peer]}`,
    '≤ 1/100',
    falseAlarms[gate] <= falseAlarms[peer] / 100,
  );

console.log(missed ? `\n${missed} figures missed` : '\nAll figures reached');
process.exit(missed ? 1 : 0);
