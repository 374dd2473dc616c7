// Run by monitor.mjs: one round over a thousand services as a watch takes it: probed, judged, noted.
import {performance} from 'node:perf_hooks';
import {History} from '../../lib/src/monitor/history.js';
import {memoryFiles} from '../../lib/src/monitor/history-files.js';
import {defaultJudgePolicy} from '../../lib/src/monitor/judgement.js';
import {openProber} from '../../lib/src/monitor/round.js';
import {Watch} from '../../lib/src/monitor/watch.js';

const url = process.argv[2];
const checks = Array.from({length: 1_000}, (_, i) => ({name: `service ${i}`, url: `${url}/${i}`}));
const {signal} = new AbortController();
const prober = openProber({checks, side: {urls: {}}, signal});
const history = new History(memoryFiles());
const watch = await Watch.open({
  history,
  prober,
  policyOf: () => defaultJudgePolicy,
  isCritical: () => true,
  signal,
});
const startedMs = performance.now();
const {round} = await watch.step();
const tookMs = performance.now() - startedMs;
const ok = [...round.results.values()].filter(({outcome}) => outcome === 'ok').length;
console.log(JSON.stringify({tookMs, ok, peakMB: process.resourceUsage().maxRSS / 1024}));
await prober[Symbol.asyncDispose]();
